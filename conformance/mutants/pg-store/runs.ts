import type { StoreMutants } from '../mutant.ts'

export const runMutants: Pick<StoreMutants, 'createRun' | 'claimRun' | 'commitRun' | 'readChanges'> = {
  createRun: [
    {
      what: 'rings a new run only',
      change: {
        'run-operations.ts': {
          'known.endedAt === null ? [runItem(known.runId, known.workflow, isHeld)] : []': '[] as WorkItem[]',
        },
      },
      caughtBy: 'createRun › A13: a known id rings again',
    },
    {
      what: 'rings a run that has ended',
      change: { 'run-operations.ts': { 'const wake = known.endedAt === null ?': 'const wake = known ?' } },
      caughtBy: 'createRun › an ended run is not rung',
    },
    {
      what: 'says of every start that it created the run',
      change: {
        'run-operations.ts': {
          'isRepeated && known.workflow === run.workflow && known': 'known.workflow === run.workflow && known',
        },
      },
      caughtBy: 'createRun › of twenty concurrent creations of one id, one creates',
    },
    {
      what: 'answers with the tags in an order of its own',
      change: {
        'sql/create-run.ts': {
          'array(select jsonb_array_elements_text(c.tags))':
            'array(select jsonb_array_elements_text(c.tags) order by 1)',
        },
      },
      caughtBy: 'createRun › a new run is running and rings',
    },
    {
      what: 'rings a held run as a free one',
      change: { 'sql/create-run.ts': { 'coalesce(r.lease_until > clock.at, false) as held': 'false as held' } },
      caughtBy: 'createRun › a run that is held is rung as held',
    },
  ],
  claimRun: [
    {
      what: 'keeps the epoch',
      change: { 'sql/claim-run.ts': { 'set epoch = t.epoch + 1,': 'set epoch = 1,' } },
      caughtBy: 'claimRun › a parked run is claimed again under a higher epoch',
    },
    {
      what: 'reports wakeSeq and revision from the lock, and the rows from before it',
      change: {
        'sql/claim-run.ts': {
          't.snap_revision <> t.revision as stale': 'false as stale',
          't.snap_wake_seq::float8 as wake_seq': 't.wake_seq::float8 as wake_seq',
        },
      },
      caughtBy: 'a locked run row › claim while settling: a settlement is handed over, or not yet counted as read',
    },
    {
      what: 'takes a claim that is sent again for another',
      change: { 'sql/claim-run.ts': { 'when l.claim_id = c."claimId" then': 'when false then' } },
      caughtBy: 'claimRun › A13: the same claim again answers the same lease',
    },
    {
      what: 'gives a lease again that was given back',
      change: {
        'sql/claim-run.ts': { "then case when l.lease_until is null then 'none' else 'again' end": "then 'again'" },
      },
      caughtBy: 'claimRun › A13: a claim that arrives again after its lease was given back gets nothing',
    },
    {
      what: 'claims what another holds',
      change: {
        'sql/claim-run.ts': {
          "when l.lease_until + ${interval(crashDelay('l.crashes'))} > clock.at then 'none'": '',
        },
      },
      caughtBy: 'claimRun › unknown, ended and leased runs are not claimed',
    },
    {
      what: 'joins on the run alone: claims of one run in one statement answer alike',
      change: { 'run-operations.ts': { 'keyOf: (ask) => ask.runId,': 'keyOf: (ask) => ask.claimId,' } },
      caughtBy: 'claimRun › many claims in one event-loop turn are each answered with their own',
    },
    {
      what: 'reads the clock before it waits for the row',
      change: {
        'sql/fragments.ts': {
          'select clock_timestamp() + ${interval(`${offsetParameter}::float8`)} as at':
            'select now() + ${interval(`${offsetParameter}::float8`)} as at',
        },
      },
      caughtBy: 'a locked run row › A12: a deadline is counted from after the wait',
    },
    {
      what: 'waits for a locked row with everybody else',
      change: { 'sql/fragments.ts': { "skip: 'skip locked' }": "skip: '' }" } },
      caughtBy: 'a locked run row › A14: calls of other runs in the same event-loop turn do not wait for it',
    },
    {
      what: 'counts no crash',
      change: { 'sql/claim-run.ts': { 'l.crashes + (l.lease_until is not null)::integer as crashes': 'l.crashes' } },
      caughtBy: 'claimRun › F10: a lease that ran out is taken over; the old holder can write no more',
    },
    {
      what: 'gives every lease its plain time',
      change: { 'sql/claim-run.ts': { '\'t."leaseMs" * 2 ^ least(t.crashes, 6)\'': '\'t."leaseMs"\'' } },
      caughtBy: 'crashes › A22: each crash doubles the lease',
    },
    {
      what: 'settles no sleep',
      change: {
        'sql/claim-run.ts': { "where t.verdict in ('apply', 'again') and s.run_id": 'where false and s.run_id' },
      },
      caughtBy: 'claimRun › A17: due sleeps are settled by the claim, the one due first first',
    },
    {
      what: 'settles sleeps in the order they were asked for',
      change: { 'sql/claim-run.ts': { 'order by due.due_at, due.asked_revision': 'order by due.asked_revision' } },
      caughtBy: 'claimRun › A17: due sleeps are settled by the claim, the one due first first',
    },
    {
      what: 'claims children of ended parents',
      change: { 'sql/claim-run.ts': { "when s.orphan and l.parent_on_end = 'cancel' then 'parent'": '' } },
      caughtBy: 'claimRun › A20: a child whose parent has ended is not claimed but told so',
    },
    {
      what: 'claims with the code that the run diverged with',
      change: { 'sql/claim-run.ts': { "when l.blocked && array['*', c.codes ->> l.workflow] then 'none'": '' } },
      caughtBy: 'changed code › F62 A23: a run suspended for some code goes on with other code',
    },
    {
      what: 'settles due sleeps by their names, whosever they are',
      change: {
        'sql/claim-run.ts': {
          'where s.run_id = n.run_id and s.name = n.name and s.ordinal = n.ordinal and s.settled_seq is null':
            'where s.name = n.name and s.ordinal = n.ordinal and s.settled_seq is null',
        },
      },
      caughtBy: 'claimRun › many claims in one event-loop turn are each answered with their own',
    },
  ],
  commitRun: [
    {
      what: 'forgets the epoch',
      change: {
        'sql/commit-run.ts': {
          'when l.held_epoch <> l.epoch or l.held_claim is distinct from l."claimId" then \'lost\'': '',
        },
      },
      caughtBy: 'claimRun › F10: a lease that ran out is taken over; the old holder can write no more',
    },
    {
      what: 'forgets the epoch of turns that only record',
      change: { 'sql/record-steps.ts': { ' and r.epoch = c.epoch\n      and r.claim_id = c."claimId"': '' } },
      caughtBy: 'commitRun › A9: a superseded epoch writes nothing, in the same event-loop turn as a good one',
    },
    {
      what: 'forgets the claim: an epoch of a deleted run is as good',
      change: {
        'sql/commit-run.ts': { ' or l.held_claim is distinct from l."claimId" then': ' then' },
        'sql/record-steps.ts': { '\n      and r.claim_id = c."claimId"': '' },
      },
      caughtBy: 'admin › a lease from before a run was deleted writes nothing to the run that has its id now',
    },
    {
      what: 'forgets a turn that let the lease go',
      change: {
        'sql/commit-run.ts': {
          "and (l.lease_until is not null or l.move <> 'hold') then 'again'":
            "and l.lease_until is not null then 'again'",
        },
      },
      caughtBy: 'commitRun › A13: a release already applied answers as it did the first time',
    },
    {
      what: 'writes a settled step again',
      change: { 'sql/record-steps.ts': { "where s.kind = 'inline' and s.settled_seq is null\n": '' } },
      caughtBy: 'commitRun › F17: a settled step is never written again',
    },
    {
      what: 'never refuses a park',
      change: { 'sql/commit-run.ts': { 't."wakeSeq" = t.wake_seq and n.count = 0': 'n.count = 0' } },
      caughtBy: 'commitRun › park is refused when the run was woken since, and hands over why',
    },
    {
      what: 'parks on a sleep that it has settled itself',
      change: {
        'sql/commit-run.ts': { 't."wakeSeq" = t.wake_seq and n.count = 0 and': 't."wakeSeq" = t.wake_seq and' },
      },
      caughtBy: 'commitRun › A17: park is refused when this very commit settled a sleep',
    },
    {
      what: 'parks on a signal that it has consumed itself',
      change: { 'sql/commit-run.ts': { ' and not exists (select from matched as m where m.i = t.i)\n': '\n' } },
      caughtBy: 'signalRun › A18: a run does not park on a step that a waiting signal settled in the same write',
    },
    {
      what: 'counts a refused park as read up to the lock, and reads up to before it',
      change: {
        'sql/commit-run.ts': {
          't.snap_revision <> t.base as stale': 'false as stale',
          't.snap_wake_seq::float8 as wake_seq': 't.wake_seq::float8 as wake_seq',
          "when l.suspends > 0 and l.snap_revision <> l.base then 'stale'": '',
        },
      },
      caughtBy: 'a locked run row › park while settling: refused, or the settlement rings',
    },
    {
      what: 'hands over its own record and leaves out what settled before it',
      change: {
        'sql/commit-run.ts': { 't.snap_revision <> t.base as stale': 'false as stale' },
        'sql/record-steps.ts': { ' and r.revision = c.after': '' },
      },
      caughtBy: 'a locked run row › record while settling: no hole in what is handed over',
    },
    {
      what: 'gives two records one place',
      change: {
        'sql/record-steps.ts': {
          't.revision + p.k,\n           t.revision + p.k, t.at, t.revision + p.k,':
            't.revision + p.k,\n           t.revision + 1, t.at, t.revision + 1,',
        },
      },
      caughtBy: 'commitRun › inline records come back as settlements and not among the steps',
    },
    {
      what: 'gives children that end together one place',
      change: {
        'sql/commit-run.ts': {
          'p.base + row_number() over (partition by p.run_id order by m.i) as seq': 'p.base + 1 as seq',
        },
      },
      caughtBy: 'families › A9: children that end in one event-loop turn have places of their own in the parent',
    },
    {
      what: "leaves the parent's step open",
      change: {
        'sql/commit-run.ts': {
          "where e.verdict = 'apply' and s.run_id = e.run_id": "where e.verdict = 'never' and s.run_id = e.run_id",
        },
      },
      caughtBy: 'families › A20: every way to end a child settles its step in the parent, and wakes the parent',
    },
    {
      what: 'settles a step of a parent that has ended',
      change: { 'sql/commit-run.ts': { 'and p.i = m.i and p.ended_at is null': 'and p.i = m.i' } },
      caughtBy: 'families › a child may end after its parent',
    },
    {
      what: 'remembers crashes after progress',
      change: {
        'sql/record-steps.ts': { 'crashes = case when t.plans > 0 then 0 else r.crashes end': 'crashes = r.crashes' },
      },
      caughtBy: 'crashes › a commit that records or schedules something forgets the crashes',
    },
    {
      what: 'forgets when to come back to what it parked',
      change: { 'sql/commit-run.ts': { 'else (select w.at from timers as w where w.i = m.i) end': 'end' } },
      caughtBy: 'sweep › A17: a timer is rung when it is due, and the sweep says when the next one is',
    },
    {
      what: 'rings again what a repeated schedule did not make',
      change: {
        'run-operations.ts': {
          "if (row['verdict'] === 'apply' && !planned.has(turn.record.length + at + 1)) return": '',
        },
      },
      caughtBy: 'commitRun › scheduling a step twice is one row',
    },
    {
      what: "takes anybody's word for being a step's child",
      change: {
        'sql/commit-run.ts': {
          'and s.child_run_id = e.child_run_id and s.settled_seq is null': 'and s.settled_seq is null',
        },
      },
      caughtBy: "families › a run that only says it is a step's child settles nothing",
    },
    {
      what: 'answers a repeated turn with what steps of the same name came to in other runs',
      change: {
        'sql/commit-run.ts': {
          "p.kind = 'inline' and b.run_id = t.run_id and b.name = p.name": "p.kind = 'inline' and b.name = p.name",
        },
      },
      caughtBy: 'commitRun › A13: a turn already applied answers as it did the first time',
    },
    {
      what: 'settles due sleeps by their names, whosever they are',
      change: {
        'sql/commit-run.ts': {
          'where s.run_id = n.run_id and s.name = n.name and s.ordinal = n.ordinal and s.settled_seq is null':
            'where s.name = n.name and s.ordinal = n.ordinal and s.settled_seq is null',
        },
      },
      caughtBy: 'commitRun › commits of many runs in one event-loop turn are each answered with their own',
    },
    {
      what: 'forgets that it has rung what it yielded',
      change: { 'sql/commit-run.ts': { 't.move = \'yield\' and t."delayMs" = 0 or t.move': 't.move' } },
      caughtBy: 'commitRun › A16: yield gives the lease back with work left, at once',
    },
    {
      what: 'gives the second attempt of an inline step no place',
      change: { 'sql/record-steps.ts': { 'settled_seq = excluded.settled_seq, settled_at': 'settled_at' } },
      caughtBy: 'commitRun › an inline step that failed with an attempt left waits for its time',
    },
  ],
  readChanges: [
    {
      what: 'answers everything again',
      change: { 'sql/read-changes.ts': { "after: '$2::bigint'": "after: '($2::bigint * 0)'" } },
      caughtBy: 'pages › the changes since a revision are only those',
    },
    {
      what: 'loses the order',
      change: {
        'sql/fragments.ts': {
          'json_agg(${change} order by total.revision)': 'json_agg(${change} order by total.name desc)',
        },
      },
      caughtBy: 'pages › the changes since a revision are only those',
    },
    {
      what: 'never gets past a large row',
      change: {
        'sql/read-changes.ts': { 'atLeastOne: true': 'atLeastOne: false' },
        'run-operations.ts': { 'pageBytes = 1024 * 1024': 'pageBytes = 128 * 1024' },
      },
      caughtBy: 'pages › A15: one row larger than a page is read without a lock',
    },
    {
      what: 'sends as much under a lock as there is',
      change: { 'run-operations.ts': { 'const lockedBytes = 128 * 1024': 'const lockedBytes = 128 * 1024 * 1024' } },
      caughtBy: 'pages › A15: a long history comes in pages, none of which is large while a lock is held',
    },
    {
      what: 'leaves a hole where it cuts',
      change: {
        'run-operations.ts': {
          "((row['upto'] as number | null) ?? after) : revision":
            "((row['upto'] as number | null) ?? after) + 1 : revision",
        },
      },
      caughtBy: 'pages › A15: signals and steps are cut at one place of their common order',
    },
    {
      what: 'hands over signals that were consumed',
      change: { 'sql/fragments.ts': { ' and not g.consumed': '' } },
      caughtBy: 'signalRun › a signal settles the oldest open suspend step of its name, and wakes the run',
    },
  ],
}

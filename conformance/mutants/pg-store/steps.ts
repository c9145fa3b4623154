import type { StoreMutants } from '../mutant.ts'

export const stepMutants: Pick<StoreMutants, 'claimStep' | 'settleStep' | 'releaseStep' | 'renewLeases'> = {
  claimStep: [
    {
      what: 'keeps the epoch',
      change: { 'sql/claim-step.ts': { "epoch = s.epoch + (t.verdict = 'apply')::integer": 'epoch = 1' } },
      caughtBy:
        'claimStep › F10 A33: a lease that ran out is a lost attempt, on record, and the next is claimed under a new epoch',
    },
    {
      what: 'takes a claim that is sent again for another',
      change: { 'sql/claim-step.ts': { 'when s.claim_id = c."claimId" then': 'when false then' } },
      caughtBy: 'claimStep › A13: the same claim again answers the same',
    },
    {
      what: 'gives a lease again that was given back',
      change: {
        'sql/claim-step.ts': { "then case when s.lease_until is null then 'none' else 'again' end": "then 'again'" },
      },
      caughtBy: 'claimStep › A13: a claim that arrives again after its lease was given back gets nothing',
    },
    {
      what: 'claims what another holds',
      change: { 'sql/claim-step.ts': { ' or s.lease_until > clock.at then': ' then' } },
      caughtBy: 'claimStep › F1: a second delivery of the same step gets nothing',
    },
    {
      what: 'claims a retry before its time',
      change: { 'sql/claim-step.ts': { 's.due_at > clock.at or': '' } },
      caughtBy: 'settleStep › F18 F25: a retry is not claimable before its time, and does not wake the run',
    },
    {
      what: 'keeps a lost attempt to itself',
      change: {
        'sql/claim-step.ts': { "where t.status = 'running'\n    on conflict": 'where false\n    on conflict' },
      },
      caughtBy:
        'claimStep › F10 A33: a lease that ran out is a lost attempt, on record, and the next is claimed under a new epoch',
    },
    {
      what: 'claims for a worker without the function',
      change: { 'sql/claim-step.ts': { 'when not s.known or': 'when' } },
      caughtBy: 'claimStep › F51: a worker without the function does not claim it',
    },
    {
      what: 'claims a step of a run that the engine suspended',
      change: { 'sql/claim-step.ts': { 'l.ended_at is not null or l.halted then': 'l.ended_at is not null then' } },
      caughtBy: 'claimStep › A19: a step of a run that the engine suspended is not claimed, but one under way settles',
    },
    {
      what: 'knows no limit of losses',
      change: { 'sql/claim-step.ts': { "when s.status = 'running' and s.lost >= c.\"maxLost\" then 'limit'": '' } },
      caughtBy: 'crashes › A33: a step lost once too often suspends its run',
    },
    {
      what: 'claims what is no rpc step',
      change: { 'sql/claim-step.ts': { " and s.kind = 'rpc'\n": '\n', 'when not s.known or': 'when' } },
      caughtBy: 'claimStep › A32: what is no rpc step is not claimed',
    },
    {
      what: 'answers calls of one run with the input of another of its steps',
      change: {
        'rows.ts': {
          "places[row['i'] as number] = row": "places[rows.length - 1 - (row['i'] as number)] = row",
        },
      },
      caughtBy: 'claimStep › many claims in one event-loop turn are each answered with their own',
    },
    {
      what: 'keeps the timer that is over',
      change: {
        'sql/claim-step.ts': { 'due_at = null,': '' },
        'sql/fragments.ts': { "case when ${step}.status = 'scheduled' then ceil(": 'case when true then ceil(' },
      },
      caughtBy: 'reader › a step that is tried again shows neither error nor timer while it runs',
    },
    {
      what: 'is refused where somebody else has the lock',
      change: { 'sql/claim-step.ts': { "when l.run_id is null then 'busy'": "when l.run_id is null then 'none'" } },
      caughtBy: 'a locked run row › whatever writes to it waits for it, and is not refused',
    },
    {
      what: 'takes the uses of one name for one step',
      change: { 'sql/claim-step.ts': { 's.name = c.name and s.ordinal = c.ordinal': 's.name = c.name' } },
      caughtBy: 'claimStep › F21: the uses of one name are steps of their own',
    },
  ],
  settleStep: [
    {
      what: 'forgets the epoch',
      change: {
        'sql/settle-step.ts': {
          'when s.epoch = c.epoch and s.claim_id = c."claimId" and s.status = \'running\' then':
            "when s.status = 'running' then",
          ' and s.claim_id = t."claimId" and s.epoch = t.epoch\n    returning': '\n    returning',
        },
      },
      caughtBy: 'settleStep › A9: two steps of one run, one step twice and a zombie in one event-loop turn',
    },
    {
      what: 'wakes nobody',
      change: { 'step-operations.ts': { "row['rings'] === true ?": 'false ?' } },
      caughtBy: 'settleStep › a settled step has its outcome and its place, and wakes its run',
    },
    {
      what: 'rings, but does not count it as news',
      change: { 'sql/settle-step.ts': { 'wake_seq = r.wake_seq + w.count': 'wake_seq = r.wake_seq' } },
      caughtBy: 'a locked run row › park while settling: refused, or the settlement rings',
    },
    {
      what: 'rings for every settlement',
      change: { 'sql/settle-step.ts': { '(not t.told and woken.first is not null)': '(woken.first is not null)' } },
      caughtBy: 'settleStep › A25: a run is rung only when nobody was told before',
    },
    {
      what: 'answers null to an outcome that is sent again',
      change: { 'sql/settle-step.ts': { "then 'again'": "then 'none'" } },
      caughtBy: 'settleStep › A13: the same outcome again answers as before',
    },
    {
      what: 'settles twice',
      change: {
        'sql/settle-step.ts': {
          "and s.status = 'running' then 'apply'": "and s.status <> 'scheduled' then 'apply'",
          "and s.status = 'running' and s.claim_id": "and s.status <> 'scheduled' and s.claim_id",
        },
      },
      caughtBy: 'settleStep › F8 F17: another outcome for a settled step changes nothing',
    },
    {
      what: 'settles a step of an ended run',
      change: { 'sql/settle-step.ts': { "when l.ended_at is not null then 'none'": '' } },
      caughtBy: 'settleStep › a step of an ended run does not settle',
    },
    {
      what: 'gives two settlements one place',
      change: {
        'sql/settle-step.ts': {
          't.base + row_number() over (partition by t."runId" order by t.i) as seq': 't.base + 1 as seq',
        },
      },
      caughtBy: 'settleStep › A25: two hundred concurrent settlements of one run have two hundred places',
    },
    {
      what: 'keeps a failed attempt to itself',
      change: { 'sql/settle-step.ts': { "where t.kind = 'retry'\n    on conflict": 'where false\n    on conflict' } },
      caughtBy: 'settleStep › a retry without a delay is rung at once',
    },
    {
      what: 'forgets the delay of a retry',
      change: {
        'sql/settle-step.ts': {
          'due_at = case when t.kind = \'retry\' and t."delayMs" > 0 then t.at + ${interval(\'t."delayMs"\')} end':
            'due_at = null',
        },
      },
      caughtBy: 'settleStep › F18 F25: a retry is not claimable before its time, and does not wake the run',
    },
  ],
  releaseStep: [
    {
      what: 'burns the attempt',
      change: { 'sql/release-step.ts': { 'attempt = s.attempt - 1 + $6::integer': 'attempt = s.attempt' } },
      caughtBy: 'releaseStep › A16: a step whose function was not entered is given back with its attempt',
    },
    {
      what: 'gives back an attempt whose function was entered',
      change: { 'step-operations.ts': { 'entered ? 1 : 0': '0' } },
      caughtBy: 'releaseStep › A16: a step whose function was entered is given back as a lost attempt',
    },
    {
      what: 'wakes the run',
      change: {
        'sql/release-step.ts': {
          'set revision = s.revision, updated_at = s.at':
            'set revision = s.revision, updated_at = s.at, wake_seq = r.wake_seq + 1',
        },
      },
      caughtBy: 'releaseStep › a release does not wake the run',
    },
    {
      what: 'rings under a key that was used',
      change: {
        'sql/release-step.ts': { 'dispatches = s.dispatches + ($7::float8 = 0)::integer': 'dispatches = s.dispatches' },
      },
      caughtBy: 'releaseStep › A16: a step whose function was not entered is given back with its attempt',
    },
    {
      what: 'forgets the epoch',
      change: {
        'sql/release-step.ts': {
          "and s.status = 'running' and s.claim_id = $4::text and s.epoch = $5::bigint\n":
            "and s.status = 'running' and ($4::text, $5::bigint) is not null\n",
        },
      },
      caughtBy: 'releaseStep › a superseded or ended lease gives nothing back',
    },
    {
      what: 'rings for nobody the second time',
      change: { 'sql/release-step.ts': { "and s.ending = 'released' and": "and s.ending = 'never' and" } },
      caughtBy: 'releaseStep › A13: the same release again answers as before',
    },
    {
      what: 'tells nobody who keeps the history',
      change: { 'sql/release-step.ts': { 'revision = l.revision + 1,': '' } },
      caughtBy: 'pages › A4: whatever happens to a step, it is among what changed',
    },
    {
      what: 'gives back a step of an ended run',
      change: {
        'sql/release-step.ts': {
          'and s.ordinal = $3::integer and l.ended_at is null\n      and s.status':
            'and s.ordinal = $3::integer\n      and s.status',
        },
      },
      caughtBy: 'releaseStep › a superseded or ended lease gives nothing back',
    },
  ],
  renewLeases: [
    {
      what: 'shortens',
      change: {
        'sql/renew-leases.ts': {
          "set lease_until = greatest(r.lease_until, clock.at + ${interval('$2::float8')})":
            "set lease_until = clock.at + ${interval('$2::float8')}",
        },
      },
      caughtBy: 'renewLeases › a renewal never shortens a lease',
    },
    {
      what: 'renews what was taken over',
      change: {
        'sql/renew-leases.ts': {
          'else s.epoch = c.epoch and s.claim_id = c."claimId" and s.lease_until is not null end':
            'else s.lease_until is not null end',
          ' and s.epoch = c.epoch\n        and s.claim_id = c."claimId" and s.lease_until is not null':
            ' and s.lease_until is not null',
        },
      },
      caughtBy: 'renewLeases › A20: superseded, released, settled and ended leases are lost, and only they',
    },
    {
      what: 'renews steps of ended runs',
      change: {
        'sql/renew-leases.ts': {
          'where r.run_id = c."runId" and r.ended_at is null\n      offset 0':
            'where r.run_id = c."runId"\n      offset 0',
        },
      },
      caughtBy: 'renewLeases › A20: a step of a cancelled run is lost to its worker',
    },
    {
      what: 'says of nobody that he was woken',
      change: { 'sql/renew-leases.ts': { 'or (known.unread and c.name is null)': '' } },
      caughtBy: 'renewLeases › A5: a held run that was woken is reported until its holder has read it',
    },
    {
      what: 'tells the workers of steps of it, too',
      change: { 'sql/renew-leases.ts': { '(known.unread and c.name is null)': 'known.unread' } },
      caughtBy: 'renewLeases › A5: the holder of a step is told nothing of its run',
    },
    {
      what: 'calls lost what is locked',
      change: { 'sql/renew-leases.ts': { "when renewed.i is null then 'busy'": "when renewed.i is null then 'lost'" } },
      caughtBy: 'a locked run row › A14: renewals skip it, and report it busy',
    },
    {
      what: 'waits for a locked row',
      change: {
        'sql/renew-leases.ts': {
          'and r.ended_at is null\n      for no key update of r skip locked':
            'and r.ended_at is null\n      for no key update of r',
        },
      },
      caughtBy: 'a locked run row › A14: renewals skip it, and report it busy',
    },
  ],
}

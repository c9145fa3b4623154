import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { expectFew, changesOf, clockAfter, interval, runBytes, runJson, stepJson, waiting } from './fragments.ts'

/** ms a claim is held back after a lease that ran out: nothing at first, then 1 s, 2 s, 4 s … a minute. */
export function crashDelay(crashes: string): string {
  return `case when ${crashes} = 0 then 0 else least(1000 * 2 ^ least(${crashes} - 1, 10), 60000) end`
}

const isToRead = `t.verdict in ('apply', 'again') and t.snap_revision = t.revision and t.snap_revision > t.after`

/**
 * Take the leases of runs, settle their due sleeps, read what changed.
 *
 * $1 calls json: [{ i, runId, owner, claimId, leaseMs, known: index into $2, after, maxCrashes, crashReason }]
 * $2 knowns json: [{ [workflow]: codeHash }]
 * $3 bytes of changes one answer may carry
 * $4 bytes of runs all answers together may carry; what does not fit is left out, the smallest go first
 * $5 clock offset in ms
 * $6 lock_timeout in ms (patient only)
 *
 * One row per call: i, verdict, and when claimed epoch, run (null: read it), revision, wake_seq, changes, upto, more, napped.
 * Verdicts: none · busy · parent (it has ended) · limit (suspended instead) · again · apply. `stale`: read the changes again.
 */
export function claimRun(schema: Schema, patient: boolean): Statement {
  const runs = `${schema.quoted}.workflow_runs`
  const steps = `${schema.quoted}.workflow_step`
  const wait = waiting(patient, '$6')
  return {
    name: 'claimRun',
    text: `
  with calls as materialized (
    select c.*, known.codes
    from json_to_recordset($1::text::json) as c(
      i integer, "runId" text collate "C", owner text, "claimId" text, "leaseMs" float8, known integer, after bigint,
      "maxCrashes" integer, "crashReason" text)
    join jsonb_array_elements($2::text::jsonb) with ordinality as known(codes, nth) on known.nth = c.known + 1
    where ${expectFew('c.i')}
  ),
  snap as materialized (
    select c.i, r.*
    from calls as c
    cross join lateral (
      select r.run_id, r.revision, r.wake_seq,
             r.parent_run_id is not null and not exists (
               select from ${runs} as p where p.run_id = r.parent_run_id and p.ended_at is null offset 0
             ) as orphan
      from ${runs} as r
      where r.run_id = c."runId"
      offset 0
    ) as r
  ),
  ${wait.cte}
  locked as materialized (
    select r.*
    from ${wait.from} ${runs} as r
    where r.run_id = any (array(select "runId" from calls))
    order by r.run_id
    for no key update of r ${wait.skip}
  ),
  ${clockAfter('locked', '$5')},
  claims as materialized (
    select c.i, c.owner, c."claimId", c."leaseMs", c.after, c."maxCrashes", c."crashReason", l.run_id, l.epoch, l.revision,
           l.wake_seq, l.crashes + (l.lease_until is not null)::integer as crashes, clock.at,
           s.revision as snap_revision, s.wake_seq as snap_wake_seq,
           case
             when s.i is null then 'none'
             when l.run_id is null then 'busy'
             when l.ended_at is not null then 'none'
             when l.claim_id = c."claimId" then case when l.lease_until is null then 'none' else 'again' end
             when s.orphan and l.parent_on_end = 'cancel' then 'parent'
             when not c.codes ? l.workflow then 'none'
             when l.blocked && array['*', c.codes ->> l.workflow] then 'none'
             when l.lease_until + ${interval(crashDelay('l.crashes'))} > clock.at then 'none'
             when l.lease_until is not null and l.crashes >= c."maxCrashes" then 'limit'
             else 'apply'
           end as verdict
    from calls as c
    cross join clock
    left join snap as s on s.i = c.i
    left join locked as l on l.run_id = c."runId"
  ),
  naps as materialized (
    select t.i, t.run_id, t.at, due.name, due.ordinal, t.revision + row_number() over (partition by t.i order by due.due_at, due.asked_revision) as seq
    from claims as t
    cross join lateral (
      select s.name, s.ordinal, s.due_at, s.asked_revision
      from ${steps} as s
      where t.verdict in ('apply', 'again') and s.run_id = t.run_id and s.status = 'scheduled' and s.due_at <= t.at
        and s.kind = 'sleep'
      offset 0
    ) as due
  ),
  napped as (
    update ${steps} as s
    set status = 'succeeded', output = '', due_at = null, settled_seq = n.seq, revision = n.seq, settled_at = n.at
    from naps as n
    where s.run_id = n.run_id and s.name = n.name and s.ordinal = n.ordinal and s.settled_seq is null
    returning n.i, s.*
  ),
  taken as (
    update ${runs} as r
    set epoch = t.epoch + 1, owner = t.owner, claim_id = t."claimId", turn = 0, status = 'running', reason = null,
        lease_until = t.at + ${interval('t."leaseMs" * 2 ^ least(t.crashes, 6)')}, crashes = t.crashes, halted = false,
        ring_at = null, rung = false, rings = 0, seen_wake_seq = t.wake_seq, updated_at = t.at,
        revision = t.revision + (select count(*) from naps as n where n.i = t.i)
    from claims as t
    where r.run_id = t.run_id and t.verdict = 'apply'
    returning r.*
  ),
  suspended as (
    update ${runs} as r
    set status = 'suspended', reason = t."crashReason", halted = true, blocked = array_append(r.blocked, '*'),
        crashes = t.crashes, lease_until = null, ring_at = null, rung = false, rings = 0, updated_at = t.at
    from claims as t
    where r.run_id = t.run_id and t.verdict = 'limit'
  ),
  reread as (
    update ${runs} as r
    set seen_wake_seq = greatest(r.seen_wake_seq, t.wake_seq),
        revision = t.revision + (select count(*) from naps as n where n.i = t.i)
    from claims as t
    where r.run_id = t.run_id and t.verdict = 'again'
    returning r.*
  )
  select t.i, t.verdict, t.snap_revision <> t.revision as stale, r.epoch::float8 as epoch,
         case when sum(${runBytes('r')}) over (order by ${runBytes('r')}, t.i) <= $4::float8 then ${runJson('r')} end as run,
         r.revision::float8 as revision, t.snap_wake_seq::float8 as wake_seq, read.changes, read.upto::float8 as upto,
         read.more, settled.napped
  from claims as t
  left join (select * from taken union all select * from reread) as r on r.run_id = t.run_id
  cross join lateral (
    ${changesOf(schema, { run: 't.run_id', after: 't.after', bytes: '$3::float8', at: 't.at', atLeastOne: false, when: isToRead })}
  ) as read
  cross join lateral (
    select json_agg(${stepJson('s', 't.at')} order by s.revision) as napped
    from napped as s
    where s.i = t.i
  ) as settled`,
  }
}

import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { expectFew, clockAfter, interval, waiting } from './fragments.ts'

/**
 * Record how attempts of rpc steps ended, each call another step. A settled step wakes its run in the same write.
 *
 * $1 calls json: [{ i, runId, name, ordinal, claimId, epoch, kind, output, error, delayMs }]
 * $2 clock offset in ms
 * $3 lock_timeout in ms (patient only)
 *
 * One row per call: i, verdict, settled_seq, rings (its run is to be rung), workflow, held, rpc_name, attempt, dispatch (of the retry, when
 * due at once).
 * Verdicts: none · busy · stale · again · apply.
 */
export function settleStep(schema: Schema, patient: boolean): Statement {
  const runs = `${schema.quoted}.workflow_runs`
  const steps = `${schema.quoted}.workflow_step`
  const wait = waiting(patient, '$3')
  return {
    name: 'settleStep',
    text: `
  with calls as materialized (
    select *
    from json_to_recordset($1::text::json) as c(
      i integer, "runId" text collate "C", name text collate "C", ordinal integer, "claimId" text, epoch bigint,
      kind text collate "C", output text, error text, "delayMs" float8)
    where ${expectFew('c.i')}
  ),
  snap as materialized (
    select c.i, r.revision as run_revision, s.*
    from calls as c
    cross join lateral (
      select r.revision from ${runs} as r where r.run_id = c."runId" offset 0
    ) as r
    left join lateral (
      select s.run_id, s.status, s.rpc_name, s.attempt, s.revision, s.epoch, s.claim_id, s.settled_seq, s.dispatches, s.worker, s.started_at, s.ending,
             s.output is not distinct from c.output and s.error is not distinct from c.error as same
      from ${steps} as s
      where s.run_id = c."runId" and s.name = c.name and s.ordinal = c.ordinal and s.kind = 'rpc'
      offset 0
    ) as s on true
  ),
  ${wait.cte}
  locked as materialized (
    select r.run_id, r.workflow, r.revision, r.wake_seq, r.seen_wake_seq, r.lease_until, r.ended_at, r.rings
    from ${wait.from} ${runs} as r
    where r.run_id = any (array(select "runId" from calls))
    order by r.run_id
    for no key update of r ${wait.skip}
  ),
  ${clockAfter('locked', '$2')},
  outcomes as materialized (
    select c.*, clock.at, s.rpc_name, s.attempt, s.revision, s.settled_seq, s.dispatches, s.worker, s.started_at, l.workflow, l.revision as base,
           l.wake_seq > l.seen_wake_seq or l.rings > 0 as told, l.lease_until, coalesce(l.lease_until > clock.at, false) as held,
           case
             when s.i is null then 'none'
             when l.run_id is null then 'busy'
             when l.ended_at is not null then 'none'
             when s.run_id is null then 'none'
             when s.epoch = c.epoch and s.claim_id = c."claimId" and s.status = 'running' then 'apply'
             when l.revision <> s.run_revision then 'stale'
             when s.epoch = c.epoch and s.claim_id = c."claimId" and s.same
               and s.ending = c.kind then 'again'
             else 'none'
           end as verdict
    from calls as c
    cross join clock
    left join snap as s on s.i = c.i
    left join locked as l on l.run_id = c."runId"
  ),
  numbered as materialized (
    select t.*, t.base + row_number() over (partition by t."runId" order by t.i) as seq
    from outcomes as t
    where t.verdict = 'apply'
  ),
  settled as (
    update ${steps} as s
    set status = case when t.kind = 'retry' then 'scheduled' else t.kind end,
        output = t.output,
        error = t.error,
        settled_seq = case when t.kind <> 'retry' then t.seq end,
        settled_at = case when t.kind <> 'retry' then t.at end,
        revision = t.seq,
        lease_until = null,
        ending = t.kind,
        due_at = case when t.kind = 'retry' and t."delayMs" > 0 then t.at + ${interval('t."delayMs"')} end,
        ring_at = case when t.kind = 'retry' then t.at + ${interval('t."delayMs"')} end,
        rung = t.kind = 'retry' and t."delayMs" = 0,
        rings = (t.kind = 'retry' and t."delayMs" = 0)::integer,
        dispatches = s.dispatches + (t.kind = 'retry' and t."delayMs" = 0)::integer
    from numbered as t
    where s.run_id = t."runId" and s.name = t.name and s.ordinal = t.ordinal
      and s.status = 'running' and s.claim_id = t."claimId" and s.epoch = t.epoch
    returning t.i, s.run_id, s.revision, s.settled_seq, s.dispatches
  ),
  tried as (
    insert into ${schema.quoted}.workflow_attempt (
      run_id, name, ordinal, attempt, outcome, error, worker, revision, started_at, ended_at)
    select t."runId", t.name, t.ordinal, t.attempt, 'failed', t.error, t.worker, t.seq, t.started_at, t.at
    from numbered as t
    join settled on settled.i = t.i
    where t.kind = 'retry'
    on conflict (run_id, name, ordinal, attempt) do nothing
  ),
  woken as (
    update ${runs} as r
    set revision = w.revision,
        wake_seq = r.wake_seq + w.count,
        ring_at = case when w.rings then w.at else r.ring_at end,
        rung = w.rings or r.rung,
        rings = case when w.rings then 1 else r.rings end,
        updated_at = w.at
    from (
      select settled.run_id, t.at, max(settled.revision) as revision, count(settled.settled_seq) as count,
             min(settled.i) filter (where settled.settled_seq is not null) as first,
             count(settled.settled_seq) > 0 and bool_and(not t.told and t.lease_until is null) as rings
      from settled
      join numbered as t on t.i = settled.i
      group by settled.run_id, t.at
    ) as w
    where r.run_id = w.run_id
    returning w.first
  )
  select t.i, case when t.verdict = 'apply' and s.i is null then 'stale' else t.verdict end as verdict,
         coalesce(s.settled_seq, t.settled_seq)::float8 as settled_seq, t.workflow, t.held, t.rpc_name, t.attempt, coalesce(s.dispatches, t.dispatches) - 1 as dispatch,
         (not t.told and woken.first is not null) or (t.verdict = 'again' and t.told and t.kind <> 'retry') as rings
  from outcomes as t
  left join settled as s on s.i = t.i
  left join woken on woken.first = t.i`,
  }
}

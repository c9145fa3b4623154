import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { expectFew, clockAfter, interval, millis, waiting } from './fragments.ts'

/**
 * Take the leases of rpc steps, each call another step.
 *
 * $1 calls json: [{ i, runId, name, ordinal, owner, claimId, leaseMs, known: index into $2, maxLost, lostReason }]
 * $2 knowns json: [{ [rpcName]: 1 }]
 * $3 bytes of input one answer may carry; more is read after it
 * $4 clock offset in ms
 * $5 lock_timeout in ms (patient only)
 *
 * One row per call: i, verdict, and when claimed epoch, workflow, rpc_name, input (null: read it), retries,
 * retry_delay_ms, attempt, lost. Verdicts: none · busy · stale · limit (its run was suspended instead) · again · apply.
 */
export function claimStep(schema: Schema, patient: boolean): Statement {
  const runs = `${schema.quoted}.workflow_runs`
  const steps = `${schema.quoted}.workflow_step`
  const wait = waiting(patient, '$5')
  return {
    name: 'claimStep',
    text: `
  with calls as materialized (
    select c.*, known.names
    from json_to_recordset($1::text::json) as c(
      i integer, "runId" text collate "C", name text collate "C", ordinal integer, owner text, "claimId" text,
      "leaseMs" float8, known integer, "maxLost" integer, "lostReason" text)
    join jsonb_array_elements($2::text::jsonb) with ordinality as known(names, nth) on known.nth = c.known + 1
    where ${expectFew('c.i')}
  ),
  snap as materialized (
    select c.i, c.names ? s.rpc_name as known, r.revision as run_revision, s.*
    from calls as c
    cross join lateral (
      select r.revision from ${runs} as r where r.run_id = c."runId" offset 0
    ) as r
    left join lateral (
      select s.run_id, s.name, s.ordinal, s.status, s.rpc_name, s.input, s.retries, s.retry_delay_ms, s.attempt, s.lost, s.revision,
             s.due_at, s.epoch, s.worker, s.claim_id, s.lease_until, s.started_at
      from ${steps} as s
      where s.run_id = c."runId" and s.name = c.name and s.ordinal = c.ordinal and s.kind = 'rpc'
      offset 0
    ) as s on true
  ),
  ${wait.cte}
  locked as materialized (
    select r.run_id, r.workflow, r.revision, r.ended_at, r.halted
    from ${wait.from} ${runs} as r
    where r.run_id = any (array(select "runId" from calls))
    order by r.run_id
    for no key update of r ${wait.skip}
  ),
  ${clockAfter('locked', '$4')},
  claims as materialized (
    select c.i, c."runId" as run_id, c.name, c.ordinal, c.owner, c."claimId", c."leaseMs", c."lostReason", clock.at, s.status, s.rpc_name, s.input,
           s.retries, s.retry_delay_ms, s.attempt, s.lost + (s.status = 'running')::integer as lost, s.epoch,
           s.revision, s.lease_until, s.worker, s.started_at, l.workflow, l.revision as base, l.revision <> s.run_revision as stale,
           case
             when s.i is null then 'none'
             when l.run_id is null then 'busy'
             when l.ended_at is not null or l.halted then 'none'
             when s.run_id is null then case when l.revision = s.run_revision then 'none' else 'stale' end
             when s.settled then 'none'
             when s.claim_id = c."claimId" then case when s.lease_until is null then 'none' else 'again' end
             when not s.known or s.due_at > clock.at or s.lease_until > clock.at then 'none'
             when s.status = 'running' and s.lost >= c."maxLost" then 'limit'
             else 'apply'
           end as verdict
    from calls as c
    cross join clock
    left join (select *, status in ('succeeded', 'failed') as settled from snap) as s on s.i = c.i
    left join locked as l on l.run_id = c."runId"
  ),
  numbered as materialized (
    select t.*, t.base + row_number() over (partition by t.run_id order by t.i) as seq
    from claims as t
    where t.verdict in ('apply', 'limit')
  ),
  taken as (
    update ${steps} as s
    set status = case when t.verdict = 'apply' then 'running' else 'scheduled' end,
        attempt = s.attempt + (t.verdict = 'apply')::integer,
        lost = t.lost,
        revision = t.seq,
        due_at = null,
        epoch = s.epoch + (t.verdict = 'apply')::integer,
        worker = case when t.verdict = 'apply' then t.owner else s.worker end,
        claim_id = case when t.verdict = 'apply' then t."claimId" else s.claim_id end,
        ending = null,
        lease_until = case when t.verdict = 'apply' then t.at + ${interval('t."leaseMs"')} end,
        started_at = case when t.verdict = 'apply' then t.at else s.started_at end,
        ring_at = case when t.verdict = 'limit' then t.at end,
        rung = t.verdict = 'limit',
        rings = (t.verdict = 'limit')::integer
    from numbered as t
    where s.run_id = t.run_id and s.name = t.name and s.ordinal = t.ordinal
      and s.revision = t.revision and s.lease_until is not distinct from t.lease_until
    returning t.i, s.run_id, s.epoch, s.attempt, s.lost, s.revision
  ),
  lost as (
    insert into ${schema.quoted}.workflow_attempt (
      run_id, name, ordinal, attempt, outcome, worker, revision, started_at, ended_at)
    select t.run_id, t.name, t.ordinal, t.attempt, 'lost', t.worker, t.seq, t.started_at, t.at
    from numbered as t
    join taken on taken.i = t.i
    where t.status = 'running'
    on conflict (run_id, name, ordinal, attempt) do nothing
  ),
  advanced as (
    update ${runs} as r
    set revision = w.revision, updated_at = w.at,
        status = coalesce(w.suspended, r.status),
        reason = coalesce(w.reason, r.reason),
        halted = r.halted or w.suspended is not null,
        blocked = case when w.suspended is null then r.blocked else array_append(r.blocked, '*') end,
        lease_until = case when w.suspended is null then r.lease_until end,
        ring_at = case when w.suspended is null then r.ring_at end
    from (
      select taken.run_id, t.at, max(taken.revision) as revision,
             max('suspended') filter (where t.verdict = 'limit') as suspended,
             max(t."lostReason") filter (where t.verdict = 'limit') as reason
      from taken
      join numbered as t on t.i = taken.i
      group by taken.run_id, t.at
    ) as w
    where r.run_id = w.run_id
  )
  select t.i, case when t.verdict in ('apply', 'limit') and taken.i is null then 'stale' else t.verdict end as verdict, t.stale,
         coalesce(taken.epoch, t.epoch)::float8 as epoch, t.workflow, t.rpc_name,
         case when sum(octet_length(t.input)) over (order by t.i) <= $3::float8 then t.input end as input, t.retries,
         t.retry_delay_ms::float8 as retry_delay_ms, coalesce(taken.attempt, t.attempt) as attempt,
         coalesce(taken.lost, t.lost - (t.status = 'running')::integer) as lost, ${millis('t.at')} as at
  from claims as t
  left join taken on taken.i = t.i`,
  }
}

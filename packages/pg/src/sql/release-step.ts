import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { clockAfter, interval, waiting } from './fragments.ts'

/**
 * Give a claimed rpc step back. Not entered: its attempt is given back as well; entered: it is recorded as lost.
 *
 * $1 run id · $2 name · $3 ordinal · $4 claim id · $5 epoch · $6 entered (1 or 0) · $7 delay in ms
 * $8 clock offset in ms · $9 lock_timeout in ms (patient only)
 *
 * One row when the step is given back, now or by the same call before: rpc_name, attempt (the next), dispatch. No row: it
 * is not held like this, or not patient and its run is locked.
 */
export function releaseStep(schema: Schema, patient: boolean): Statement {
  const runs = `${schema.quoted}.workflow_runs`
  const steps = `${schema.quoted}.workflow_step`
  const wait = waiting(patient, '$9')
  return {
    name: 'releaseStep',
    text: `
  with ${wait.cte}
  locked as materialized (
    select r.run_id, r.revision, r.ended_at
    from ${wait.from} ${runs} as r
    where r.run_id = $1::text
    order by r.run_id
    for no key update of r ${wait.skip}
  ),
  ${clockAfter('locked', '$8')},
  released as (
    update ${steps} as s
    set status = 'scheduled',
        attempt = s.attempt - 1 + $6::integer,
        lost = s.lost + $6::integer,
        revision = l.revision + 1,
        lease_until = null,
        ending = 'released',
        due_at = case when $7::float8 > 0 then clock.at + ${interval('$7::float8')} end,
        ring_at = clock.at + ${interval('$7::float8')},
        rung = $7::float8 = 0,
        rings = ($7::float8 = 0)::integer,
        dispatches = s.dispatches + ($7::float8 = 0)::integer
    from locked as l
    cross join clock
    where s.run_id = $1::text and s.name = $2::text and s.ordinal = $3::integer and l.ended_at is null
      and s.status = 'running' and s.claim_id = $4::text and s.epoch = $5::bigint
    returning s.rpc_name, s.attempt, s.lost, s.dispatches, s.worker, s.error, s.started_at, s.revision, clock.at
  ),
  lost as (
    insert into ${schema.quoted}.workflow_attempt (
      run_id, name, ordinal, attempt, outcome, worker, revision, started_at, ended_at)
    select $1::text, $2::text, $3::integer, s.attempt, 'lost', s.worker, s.revision, s.started_at, s.at
    from released as s
    where $6::integer = 1
    on conflict (run_id, name, ordinal, attempt) do nothing
  ),
  advanced as (
    update ${runs} as r
    set revision = s.revision, updated_at = s.at
    from released as s
    where r.run_id = $1::text
  )
  select s.rpc_name, s.attempt + 1 as attempt, s.dispatches - 1 as dispatch
  from released as s
  union all
  select s.rpc_name, s.attempt + 1, s.dispatches - 1
  from ${steps} as s
  cross join locked as l
  where s.run_id = $1::text and s.name = $2::text and s.ordinal = $3::integer and l.ended_at is null
    and s.ending = 'released' and s.claim_id = $4::text and s.epoch = $5::bigint`,
  }
}

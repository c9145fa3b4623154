import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { clockAfter, waiting } from './fragments.ts'

/**
 * Let a run go on that the engine suspended: for any code, with its counters of crashes and losses cleared. What was lost
 * goes on costing no retries.
 *
 * $1 run id · $2 clock offset in ms · $3 lock_timeout in ms (patient only)
 *
 * One row: accepted, workflow, held. No row: no such run, or not patient and it is locked.
 */
export function resumeRun(schema: Schema, patient: boolean): Statement {
  const runs = `${schema.quoted}.workflow_runs`
  const steps = `${schema.quoted}.workflow_step`
  const wait = waiting(patient, '$3')
  return {
    name: 'resumeRun',
    text: `
  with ${wait.cte}
  locked as materialized (
    select r.run_id, r.workflow, r.revision, r.halted, r.lease_until, r.ended_at is null as accepted
    from ${wait.from} ${runs} as r
    where r.run_id = $1::text
    order by r.run_id
    for no key update of r ${wait.skip}
  ),
  ${clockAfter('locked', '$2')},
  lossy as materialized (
    select s.name, s.ordinal, l.revision + row_number() over (order by s.asked_revision) as seq
    from locked as l
    join ${steps} as s on s.run_id = l.run_id and s.settled_seq is null and s.lost > 0
    where l.accepted
  ),
  cleared as (
    update ${steps} as s
    set lost = 0, revision = lossy.seq, retries = s.retries + s.lost
    from lossy
    where s.run_id = $1::text and s.name = lossy.name and s.ordinal = lossy.ordinal and s.settled_seq is null
  ),
  woken as (
    update ${runs} as r
    set revision = l.revision + (select count(*) from lossy),
        wake_seq = r.wake_seq + 1,
        status = case when l.halted then 'running' else r.status end,
        reason = case when not l.halted then r.reason end,
        halted = false,
        blocked = '{}',
        crashes = 0,
        ring_at = case when l.lease_until is null then clock.at end,
        rung = l.lease_until is null,
        rings = (l.lease_until is null)::integer,
        updated_at = clock.at
    from locked as l
    cross join clock
    where r.run_id = l.run_id and l.accepted
  )
  select l.accepted, l.workflow, coalesce(l.lease_until > clock.at, false) as held
  from locked as l
  cross join clock`,
  }
}

import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { clockAfter, waiting } from './fragments.ts'

/**
 * Keep a signal, or settle the oldest open suspend step of its name with it; once per signal id. Wakes the run.
 *
 * $1 run id · $2 signal id · $3 name · $4 payload · $5 clock offset in ms · $6 lock_timeout in ms (patient only)
 *
 * One row: stale (nothing was written), accepted, rings, workflow, held, and for a call sent before: known (the signal is
 * there already), news (its run has one thing to read). No row: no such run, or
 * not patient and it is locked.
 */
export function signalRun(schema: Schema, patient: boolean): Statement {
  const runs = `${schema.quoted}.workflow_runs`
  const steps = `${schema.quoted}.workflow_step`
  const wait = waiting(patient, '$6')
  return {
    name: 'signalRun',
    text: `
  with snap as materialized (
    select r.run_id, r.revision from ${runs} as r where r.run_id = $1::text
  ),
  ${wait.cte}
  locked as materialized (
    select r.run_id, r.workflow, r.revision, r.wake_seq > r.seen_wake_seq or r.rings > 0 as told, r.wake_seq = r.seen_wake_seq + 1 as news, r.ended_at, r.halted, r.lease_until
    from ${wait.from} ${runs} as r
    where r.run_id = $1::text
    order by r.run_id
    for no key update of r ${wait.skip}
  ),
  ${clockAfter('locked', '$5')},
  run as materialized (
    select l.*, clock.at, l.revision <> s.revision as stale, coalesce(l.lease_until > clock.at, false) as held
    from locked as l
    cross join clock
    left join snap as s on s.run_id = l.run_id
  ),
  open as materialized (
    select s.name, s.ordinal
    from run as r
    cross join lateral (
      select s.name, s.ordinal
      from ${steps} as s
      where not r.stale and s.run_id = $1::text and s.name = $3::text and s.kind = 'suspend' and s.status = 'scheduled'
      order by s.ordinal
      limit 1
    ) as s
  ),
  accepted as (
    insert into ${schema.quoted}.workflow_signal (run_id, signal_id, name, payload, revision, consumed, created_at)
    select r.run_id, $2::text, $3::text, case when exists (select from open) then '' else $4::text end, r.revision + 1,
           exists (select from open), r.at
    from run as r
    where not r.stale and r.ended_at is null
    on conflict (run_id, signal_id) do nothing
    returning run_id
  ),
  settled as (
    update ${steps} as s
    set status = 'succeeded', output = $4::text, settled_seq = r.revision + 1, revision = r.revision + 1, settled_at = r.at
    from run as r
    join accepted on accepted.run_id = r.run_id
    cross join open
    where s.run_id = r.run_id and s.name = open.name and s.ordinal = open.ordinal and s.settled_seq is null
  ),
  woken as (
    update ${runs} as r
    set revision = w.revision + 1,
        wake_seq = r.wake_seq + 1,
        status = case when w.halted then r.status else 'running' end,
        reason = case when w.halted then r.reason end,
        ring_at = case when w.ringing then w.at else r.ring_at end,
        rung = w.ringing or r.rung,
        rings = case when w.ringing then 1 else r.rings end,
        updated_at = w.at
    from (
      select run.*, not run.told and run.lease_until is null as ringing
      from run
      join accepted on accepted.run_id = run.run_id
    ) as w
    where r.run_id = w.run_id
  )
  select r.stale, accepted.run_id is not null as accepted, accepted.run_id is not null and not r.told as rings,
         r.workflow, r.held, r.news,
         exists (
           select from ${schema.quoted}.workflow_signal as g where g.run_id = $1::text and g.signal_id = $2::text and g.name = $3::text
         ) as known
  from run as r
  left join accepted on accepted.run_id = r.run_id`,
  }
}

import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { clockAfter, orphansOf, waiting } from './fragments.ts'

/**
 * End a run from outside, and settle its parent's step.
 *
 * $1 run id · $2 reason · $3 clock offset in ms · $4 lock_timeout in ms (patient only)
 *
 * One row: cancelled, parent, workflow, held, rings (the parent is to be rung), orphans, and for a call sent before:
 * again (it is cancelled for this reason already), news (the parent has one thing to read). No row: no such run,
 * or not patient and it or its parent is locked.
 */
export function cancelRun(schema: Schema, patient: boolean): Statement {
  const runs = `${schema.quoted}.workflow_runs`
  const both = `array[$1::text, (select c.parent_run_id from ${runs} as c where c.run_id = $1::text)]`
  const isAllLocked = `(select count(*) from locked) = (select count(*) from ${runs} as b where b.run_id = any (${both}))`
  const wait = waiting(patient, '$4')
  return {
    name: 'cancelRun',
    text: `
  with ${wait.cte}
  locked as materialized (
    select r.run_id, r.workflow, r.revision, r.wake_seq > r.seen_wake_seq or r.rings > 0 as told, r.wake_seq = r.seen_wake_seq + 1 as news, r.ended_at, r.reason, r.status, r.lease_until,
           r.has_children, r.parent_run_id, r.parent_step, r.parent_ordinal
    from ${wait.from} ${runs} as r
    where r.run_id = any (${both})
    order by r.run_id
    for no key update of r ${wait.skip}
  ),
  ${clockAfter('locked', '$3')},
  run as materialized (
    select l.*, clock.at, orphans.items as orphans, orphans.rings as ringing
    from locked as l
    cross join clock
    cross join lateral (
      ${orphansOf(schema, { run: 'l.run_id', at: 'clock.at', when: 'true' })}
    ) as orphans
    where l.run_id = $1::text ${patient ? '' : `and ${isAllLocked}`}
  ),
  cancelled as (
    update ${runs} as r
    set status = 'cancelled', reason = $2::text, ended_at = run.at, updated_at = run.at, revision = run.revision + 1,
        lease_until = null, halted = false, ring_at = case when run.has_children then run.at end,
        rung = run.ringing, rings = run.ringing::integer
    from run
    where r.run_id = run.run_id and run.ended_at is null
    returning r.run_id, r.parent_run_id, r.parent_step, r.parent_ordinal
  ),
  family as (
    update ${schema.quoted}.workflow_step as s
    set status = 'failed', reason = $2::text, settled_seq = p.revision + 1, revision = p.revision + 1, settled_at = clock.at
    from cancelled as c
    join locked as p on p.run_id = c.parent_run_id and p.ended_at is null
    cross join clock
    where s.run_id = c.parent_run_id and s.name = c.parent_step and s.ordinal = c.parent_ordinal
      and s.child_run_id = c.run_id and s.settled_seq is null
    returning s.run_id
  ),
  woken as (
    update ${runs} as r
    set revision = p.revision + 1, wake_seq = r.wake_seq + 1, updated_at = clock.at,
        ring_at = case when p.ringing then clock.at else r.ring_at end,
        rung = p.ringing or r.rung,
        rings = case when p.ringing then 1 else r.rings end
    from (
      select l.*, not l.told and l.lease_until is null as ringing
      from locked as l
      join family on family.run_id = l.run_id
    ) as p
    cross join clock
    where r.run_id = p.run_id
    returning r.run_id
  )
  select exists (select from cancelled) as cancelled, p.run_id as parent, p.workflow,
         coalesce(p.lease_until > run.at, false) as held, coalesce(p.settled and not p.told, false) as rings,
         run.orphans, run.status = 'cancelled' and run.reason = $2::text as again,
         coalesce(p.news and p.ended_at is null, false) as news
  from run
  left join (
    select l.*, exists (select from family where family.run_id = l.run_id) as settled from locked as l
  ) as p on p.run_id = run.parent_run_id`,
  }
}

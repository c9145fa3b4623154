import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { expectFew, interval } from './fragments.ts'

/**
 * Extend leases. Never waits: a locked row is skipped and told as busy (A14). Never shortens one.
 *
 * $1 calls json: [{ i, runId, name, ordinal, claimId, epoch }], name and ordinal only for the lease of a step
 * $2 lease in ms
 * $3 clock offset in ms
 *
 * One row per call that is not simply renewed: i, verdict (lost · busy · woken).
 */
export function renewLeases(schema: Schema): Statement {
  const runs = `${schema.quoted}.workflow_runs`
  const steps = `${schema.quoted}.workflow_step`
  return {
    name: 'renewLeases',
    text: `
  with calls as materialized (
    select *
    from json_to_recordset($1::text::json) as c(
      i integer, "runId" text collate "C", name text collate "C", ordinal integer, "claimId" text, epoch bigint)
    where ${expectFew('c.i')}
  ),
  clock as materialized (
    select clock_timestamp() + ${interval('$3::float8')} as at
  ),
  known as materialized (
    select c.i, r.wake_seq > r.seen_wake_seq as unread
    from calls as c
    cross join lateral (
      select r.run_id, r.epoch, r.claim_id, r.lease_until, r.wake_seq, r.seen_wake_seq
      from ${runs} as r
      where r.run_id = c."runId" and r.ended_at is null
      offset 0
    ) as r
    left join lateral (
      select s.epoch, s.claim_id, s.lease_until
      from ${steps} as s
      where s.run_id = c."runId" and s.name = c.name and s.ordinal = c.ordinal
      offset 0
    ) as s on true
    where case when c.name is null then r.epoch = c.epoch and r.claim_id = c."claimId" and r.lease_until is not null
               else s.epoch = c.epoch and s.claim_id = c."claimId" and s.lease_until is not null end
  ),
  held_runs as materialized (
    select c.i, r.run_id
    from calls as c
    join known on known.i = c.i
    cross join lateral (
      select r.run_id
      from ${runs} as r
      where r.run_id = c."runId" and r.epoch = c.epoch and r.claim_id = c."claimId" and r.lease_until is not null
        and r.ended_at is null
      for no key update of r skip locked
    ) as r
    where c.name is null
  ),
  held_steps as materialized (
    select c.i, s.run_id, s.name, s.ordinal
    from calls as c
    join known on known.i = c.i
    cross join lateral (
      select s.run_id, s.name, s.ordinal
      from ${steps} as s
      where s.run_id = c."runId" and s.name = c.name and s.ordinal = c.ordinal and s.epoch = c.epoch
        and s.claim_id = c."claimId" and s.lease_until is not null
      for no key update of s skip locked
    ) as s
    where c.name is not null
  ),
  renewed_runs as (
    update ${runs} as r
    set lease_until = greatest(r.lease_until, clock.at + ${interval('$2::float8')})
    from held_runs as h
    cross join clock
    where r.run_id = h.run_id
    returning h.i
  ),
  renewed_steps as (
    update ${steps} as s
    set lease_until = greatest(s.lease_until, clock.at + ${interval('$2::float8')})
    from held_steps as h
    cross join clock
    where s.run_id = h.run_id and s.name = h.name and s.ordinal = h.ordinal
    returning h.i
  )
  select c.i,
         case
           when known.i is null then 'lost'
           when renewed.i is null then 'busy'
           else 'woken'
         end as verdict
  from calls as c
  left join known on known.i = c.i
  left join (select i from renewed_runs union all select i from renewed_steps) as renewed on renewed.i = c.i
  where known.i is null or renewed.i is null or (known.unread and c.name is null)`,
  }
}

/**
 * Extend every lease that these owners hold, as far as its row is free.
 *
 * $1 owners json: [owner] · $2 lease in ms · $3 clock offset in ms
 */
export function renewOwned(schema: Schema): Statement {
  const runs = `${schema.quoted}.workflow_runs`
  const steps = `${schema.quoted}.workflow_step`
  const until = `greatest(held.lease_until, clock.at + ${interval('$2::float8')})`
  const owners = 'array(select jsonb_array_elements_text($1::text::jsonb) collate "C")'
  return {
    name: 'renewOwned',
    text: `
  with clock as materialized (
    select clock_timestamp() + ${interval('$3::float8')} as at
  ),
  held_runs as materialized (
    select r.run_id, r.lease_until
    from ${runs} as r
    where r.leased and r.owner = any (${owners}) and r.ended_at is null
    order by r.run_id
    for no key update of r skip locked
  ),
  held_steps as materialized (
    select s.run_id, s.name, s.ordinal, s.lease_until
    from ${steps} as s
    where s.leased and s.worker = any (${owners})
    for no key update of s skip locked
  ),
  renewed_runs as (
    update ${runs} as r
    set lease_until = ${until}
    from held_runs as held
    cross join clock
    where r.run_id = held.run_id
  )
  update ${steps} as s
  set lease_until = ${until}
  from held_steps as held
  cross join clock
  where s.run_id = held.run_id and s.name = held.name and s.ordinal = held.ordinal`,
  }
}

import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { crashDelay } from './claim-run.ts'
import { expectFew, interval } from './fragments.ts'

/**
 * Find what ought to be moving and is not, and stamp it. Locks single rows, never waits for one; the clock is read first
 * because of that.
 *
 * A row that nobody holds stays one that nobody holds: `least` of null and the clock would be a lease, which whoever
 * gave it back a moment ago could still renew.
 *
 * ring_at of a row is when it was rung last by a doorbell (`rung`: due one window after), or when it is due (a timer,
 * or what a sweep stamped). `rings` counts how often it was handed on: the window doubles with each.
 *
 * $1 limit of each kind · $2 redispatchAfterMs · $3 graceMs · $4 known json: [{ name, codeHash }]
 * $5 lock class of this schema · $6 clock offset in ms
 *
 * One row: runs json [[run id, workflow, held]], steps json [[run id, name, ordinal, rpc name, attempt, dispatch]],
 * full, next_due_ms.
 */
export function sweep(schema: Schema): Statement {
  return {
    name: 'sweep',
    text: `
  with clock as materialized (
    select clock_timestamp() + ${interval('$6::float8')} as at,
           clock_timestamp() + ${interval('$6::float8')} - ${interval('$2::float8')} as rung_before
  ),
  known as materialized (
    select * from json_to_recordset($4::text::json) as k(name text collate "C", "codeHash" text collate "C")
  ),
  ${liveness(schema)},
  ${runs(schema)},
  ${steps(schema)},
  ${families(schema)},
  ${next(schema)}
  select (
           select json_agg(json_build_array(r.run_id, r.workflow, r.held))
           from (select run_id, workflow, false as held from rung_runs
                 union select run_id, workflow, false from dead_runs
                 union select run_id, workflow, held from orphans) as r
         ) as runs,
         (
           select json_agg(json_build_array(s.run_id, s.name, s.ordinal, s.rpc_name, s.attempt, s.dispatch))
           from rung_steps as s
         ) as steps,
         greatest(
           (select count(*) from due_runs), (select count(*) from due_steps), (select count(*) from out_runs),
           (select count(*) from out_steps), (select count(*) from orphans)
         ) >= $1::integer as full,
         next.due_ms
  from next`,
  }
}

/**
 * A dead owner was missed twice, `graceMs` apart, by a server that has been up for longer than that. A row is locked only
 * when its mark changes: a sweep that finds nothing writes nothing.
 */
function liveness(schema: Schema): string {
  return `held as materialized (
    select distinct r.owner from ${schema.quoted}.workflow_runs as r where r.leased
    union
    select distinct s.worker from ${schema.quoted}.workflow_step as s where s.leased
  ),
  connected as materialized (
    select l.objid::bigint as key
    from pg_locks as l
    where l.locktype = 'advisory' and l.granted and l.mode = 'ShareLock' and l.objsubid = 2
      and l.classid::bigint = (($5::bigint) & 4294967295)
      and l.database = (select d.oid from pg_database as d where d.datname = current_database())
  ),
  workers as materialized (
    select w.owner, w.gone_since, w.lock_key::bigint = any (array(select key from connected)) as alive
    from ${schema.quoted}.workflow_worker as w
  ),
  changed as materialized (
    select w.owner
    from ${schema.quoted}.workflow_worker as w
    where w.owner = any (array(select v.owner from workers as v where v.alive = (v.gone_since is not null)))
    order by w.owner
    for no key update of w skip locked
  ),
  marked as (
    update ${schema.quoted}.workflow_worker as w
    set gone_since = case when v.alive then null else clock.at end
    from changed
    join workers as v on v.owner = changed.owner
    cross join clock
    where w.owner = changed.owner
  ),
  dead as materialized (
    select v.owner
    from workers as v
    cross join clock
    where not v.alive and v.gone_since <= clock.at - ${interval('$3::float8')}
      and pg_postmaster_start_time() <= clock.at - ${interval('$3::float8')}
  ),
  forgettable as materialized (
    select w.owner
    from ${schema.quoted}.workflow_worker as w
    where w.owner = any (array(select d.owner from dead as d where not exists (select from held where held.owner = d.owner)))
      and w.gone_since is not null
    order by w.owner
    for update of w skip locked
  ),
  forgotten as (
    delete from ${schema.quoted}.workflow_worker as w
    using forgettable
    where w.owner = forgettable.owner
  )`
}

function runs(schema: Schema): string {
  const table = `${schema.quoted}.workflow_runs`
  return `due_runs as materialized (
    select r.run_id
    from known as k
    cross join clock
    cross join lateral (
      (select r.run_id, r.ring_at
       from ${table} as r
       where r.workflow = k.name and not r.rung and r.ring_at <= clock.at and not r.leased and r.ended_at is null
         and not r.blocked && array['*', k."codeHash"]
       order by r.ring_at
       limit $1::integer)
      union all
      (select r.run_id, r.ring_at
       from ${table} as r
       where r.workflow = k.name and r.rung and r.ring_at <= clock.rung_before and not r.leased and r.ended_at is null
         and not r.blocked && array['*', k."codeHash"]
       order by r.ring_at
       limit $1::integer)
    ) as r
    order by r.ring_at
    limit $1::integer
  ),
  locked_runs as materialized (
    select r.run_id
    from ${table} as r
    cross join clock
    where r.run_id = any (array(select run_id from due_runs)) and r.lease_until is null and r.ended_at is null
      and r.ring_at <= case when r.rung then clock.rung_before else clock.at end and ${expectFew('r.rings')}
    order by r.run_id
    for no key update of r skip locked
  ),
  rung_runs as (
    update ${table} as r
    set ring_at = clock.at + ${interval(`$2::float8 * 2 ^ least(r.rings, 20)`)}, rung = false, rings = r.rings + 1
    from locked_runs as l
    cross join clock
    where r.run_id = l.run_id
    returning r.run_id, r.workflow
  ),
  out_runs as materialized (
    (select r.run_id
     from ${table} as r
     cross join clock
     join known as k on k.name = r.workflow
     where r.leased and r.lease_until <= clock.at and r.lease_until + ${interval(crashDelay('r.crashes'))} <= clock.at
       and (r.ring_at is null or r.ring_at <= clock.at) and not r.blocked && array['*', k."codeHash"]
     order by r.lease_until
     limit $1::integer)
    union
    (select r.run_id
     from ${table} as r
     where r.leased and r.owner = any (array(select owner from dead))
       and r.lease_until > (select at from clock)
     limit $1::integer)
  ),
  locked_out_runs as materialized (
    select r.run_id
    from ${table} as r
    cross join clock
    where r.run_id = any (array(select run_id from out_runs))
      and (r.lease_until <= clock.at or r.owner = any (array(select owner from dead)))
      and (r.ring_at is null or r.ring_at <= clock.at) and ${expectFew('r.rings')}
    order by r.run_id
    for no key update of r skip locked
  ),
  ended_runs as (
    update ${table} as r
    set lease_until = case when r.lease_until is not null then least(r.lease_until, clock.at) end,
        ring_at = case when r.lease_until <= clock.at or r.crashes = 0 then clock.at + ${interval(`$2::float8 * 2 ^ least(r.rings, 20)`)} end,
        rings = r.rings + (r.lease_until <= clock.at or r.crashes = 0)::integer
    from locked_out_runs as l
    cross join clock
    where r.run_id = l.run_id
    returning r.run_id, r.workflow, r.ring_at
  ),
  dead_runs as (
    select r.run_id, r.workflow
    from ended_runs as r
    join known as k on k.name = r.workflow
    where r.ring_at is not null
  )`
}

function steps(schema: Schema): string {
  const table = `${schema.quoted}.workflow_step`
  const isOpen = (alias: string): string => `exists (
        select from ${schema.quoted}.workflow_runs as run
        where run.run_id = ${alias}.run_id and (run.ended_at is not null or not run.halted)
        offset 0
      )`
  return `due_steps as materialized (
    select s.run_id, s.name, s.ordinal
    from clock
    cross join lateral (
      (select s.run_id, s.name, s.ordinal, s.ring_at
       from ${table} as s
       where not s.rung and s.ring_at <= clock.at and not s.leased and ${isOpen('s')}
       order by s.ring_at
       limit $1::integer)
      union all
      (select s.run_id, s.name, s.ordinal, s.ring_at
       from ${table} as s
       where s.rung and s.ring_at <= clock.rung_before and not s.leased and ${isOpen('s')}
       order by s.ring_at
       limit $1::integer)
    ) as s
    order by s.ring_at
    limit $1::integer
  ),
  out_steps as materialized (
    (select s.run_id, s.name, s.ordinal
     from ${table} as s
     cross join clock
     where s.leased and s.lease_until <= clock.at and (s.ring_at is null or s.ring_at <= clock.at) and ${isOpen('s')}
     order by s.lease_until
     limit $1::integer)
    union
    (select s.run_id, s.name, s.ordinal
     from ${table} as s
     where s.leased and s.worker = any (array(select owner from dead))
       and s.lease_until > (select at from clock)
     limit $1::integer)
  ),
  locked_steps as materialized (
    select found.run_id, found.name, found.ordinal, found.over
    from (select d.*, false as dead from due_steps as d union all select o.*, true from out_steps as o) as d
    cross join clock
    cross join lateral (
      select s.run_id, s.name, s.ordinal,
             exists (select from ${schema.quoted}.workflow_runs as run where run.run_id = s.run_id and run.ended_at is null offset 0) is false as over
      from ${table} as s
      where s.run_id = d.run_id and s.name = d.name and s.ordinal = d.ordinal and s.settled_seq is null
        and case
              when not d.dead then s.lease_until is null and s.ring_at <= case when s.rung then clock.rung_before else clock.at end
              else (s.lease_until <= clock.at or s.worker = any (array(select owner from dead)))
                and (s.ring_at is null or s.ring_at <= clock.at)
            end
      for no key update of s skip locked
    ) as found
    where ${expectFew('d.ordinal')}
  ),
  swept_steps as (
    update ${table} as s
    set lease_until = case when not l.over and s.lease_until is not null then least(s.lease_until, clock.at) end,
        ring_at = case when not l.over then clock.at + ${interval(`$2::float8 * 2 ^ least(s.rings, 20)`)} end,
        rung = false,
        rings = s.rings + 1,
        dispatches = s.dispatches + 1
    from locked_steps as l
    cross join clock
    where s.run_id = l.run_id and s.name = l.name and s.ordinal = l.ordinal
    returning s.run_id, s.name, s.ordinal, s.rpc_name, s.attempt + 1 as attempt, s.dispatches - 1 as dispatch, l.over
  ),
  rung_steps as (
    select * from swept_steps where not over
  )`
}

/**
 * Runs that ended with children that are not to outlive them; out of the sweep when none of those is left. The window does
 * not double while pages are full: what comes next was not handed on yet.
 */
function families(schema: Schema): string {
  const table = `${schema.quoted}.workflow_runs`
  return `parents as materialized (
    select p.run_id, p.rings
    from ${table} as p
    cross join clock
    where p.ended_at is not null and p.ring_at <= case when p.rung then clock.rung_before else clock.at end
      and ${expectFew('p.rings')}
    order by p.ring_at
    limit $1::integer
    for no key update of p skip locked
  ),
  children as materialized (
    select p.run_id as parent, c.run_id, c.workflow, coalesce(c.lease_until > clock.at, false) as held
    from parents as p
    cross join clock
    cross join lateral (
      select c.run_id, c.workflow, c.lease_until
      from ${table} as c
      where c.parent_run_id = p.run_id and c.ended_at is null and c.parent_on_end = 'cancel'
      limit $1::integer
    ) as c
  ),
  orphans as (
    select c.run_id, c.workflow, c.held from children as c limit $1::integer
  ),
  counted as (
    update ${table} as r
    set ring_at = case when exists (select from children as c where c.parent = r.run_id)
                       then clock.at + ${interval(`$2::float8 * 2 ^ least(r.rings, 20)`)} end,
        rung = false,
        rings = r.rings + ((select count(*) from children) < $1::integer)::integer
    from parents as p
    cross join clock
    where r.run_id = p.run_id
  )`
}

/** When the next sweep is worth its while, as far as this snapshot knows. */
function next(schema: Schema): string {
  const runs = `${schema.quoted}.workflow_runs`
  const steps = `${schema.quoted}.workflow_step`
  return `next as (
    select ceil(date_part('epoch', least(
      (select min(least(
         (select min(r.ring_at) from ${runs} as r
          where r.workflow = k.name and not r.rung and r.ring_at > clock.at and not r.leased and r.ended_at is null),
         (select min(r.ring_at) from ${runs} as r
          where r.workflow = k.name and r.rung and r.ring_at > clock.rung_before and not r.leased and r.ended_at is null)
           + ${interval('$2::float8')}
       )) from known as k),
      (select min(s.ring_at) from ${steps} as s where not s.rung and s.ring_at > clock.at and not s.leased),
      (select min(s.ring_at) from ${steps} as s where s.rung and s.ring_at > clock.rung_before and not s.leased)
        + ${interval('$2::float8')},
      (select min(p.ring_at) from ${runs} as p where p.ended_at is not null and p.ring_at > clock.at),
      (select min(r.due) from (
         select greatest(r.lease_until + ${interval(crashDelay('r.crashes'))}, r.ring_at) as due
         from ${runs} as r
         where r.leased
         order by r.lease_until
         limit 100
       ) as r where r.due > clock.at),
      (select min(s.due) from (
         select greatest(s.lease_until, s.ring_at) as due
         from ${steps} as s
         where s.leased
         order by s.lease_until
         limit 100
       ) as s where s.due > clock.at),
      (select min(coalesce(v.gone_since, clock.at)) from workers as v
       where not v.alive and v.owner not in (select owner from dead)) + ${interval('$3::float8')},
      case when exists (select from rung_runs) or exists (select from ended_runs) or exists (select from swept_steps)
             or exists (select from children)
           then clock.at + ${interval('$2::float8')} end
    ) - clock.at) * 1000) as due_ms
    from clock
  )`
}

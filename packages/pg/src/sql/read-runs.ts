import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { interval, millis, runBytes, runJson, stepJson } from './fragments.ts'

/**
 * Runs that were asked for in the same turn of the event loop, as far as they fit into one answer.
 *
 * $1 run ids json: […] · $2 bytes of text
 *
 * One row per run that there is: i (its place in $1), run; null where it did not fit behind those before it.
 */
export function getRuns(schema: Schema): Statement {
  return {
    name: 'getRun',
    text: `
  select (r.nth - 1)::integer as i, case when r.upto - r.bytes < $2::float8 then r.run end as run
  from (
    select asked.nth, found.run, found.bytes, sum(found.bytes) over (order by asked.nth) as upto
    from json_array_elements_text($1::text::json) with ordinality as asked(run_id, nth)
    cross join lateral (
      select ${runJson('r')} as run, ${runBytes('r')} as bytes
      from ${schema.quoted}.workflow_runs as r
      where r.run_id = asked.run_id
      offset 0
    ) as found
  ) as r`,
  }
}

/**
 * The steps of a run, in the order they were asked for. A child's input is its run's.
 *
 * $1 run id · $2 clock offset in ms
 *
 * One row per step: step, input, created_at, started_at, worker.
 */
export function listSteps(schema: Schema): Statement {
  return {
    name: 'listSteps',
    text: `
  with clock as materialized (
    select clock_timestamp() + ${interval('$2::float8')} as at
  )
  select ${stepJson('s', 'clock.at')} as step, coalesce(s.input, child.input) as input,
         ${millis('s.created_at')} as created_at, ${millis('s.started_at')} as started_at, s.worker
  from ${schema.quoted}.workflow_step as s
  cross join clock
  left join lateral (
    select c.input from ${schema.quoted}.workflow_runs as c where c.run_id = s.child_run_id offset 0
  ) as child on true
  where s.run_id = $1::text
  order by s.asked_revision`,
  }
}

/**
 * The attempts of a run that ended, in the order they did: earlier ones have rows of their own, the one that settled a
 * step is the step's row.
 *
 * $1 run id
 */
export function listAttempts(schema: Schema): Statement {
  const steps = `${schema.quoted}.workflow_step`
  return {
    name: 'listAttempts',
    text: `
  select a.name, a.ordinal, s.kind, s.rpc_name, a.attempt, a.outcome, null::text as output, a.error, a.worker,
         ${millis('a.started_at')} as started_at, ${millis('a.ended_at')} as ended_at, a.revision
  from ${schema.quoted}.workflow_attempt as a
  cross join lateral (
    select s.kind, s.rpc_name
    from ${steps} as s
    where s.run_id = a.run_id and s.name = a.name and s.ordinal = a.ordinal
    offset 0
  ) as s
  where a.run_id = $1::text
  union all
  select s.name, s.ordinal, s.kind, s.rpc_name, s.attempt, s.status, s.output, s.error, s.worker,
         ${millis('s.started_at')}, ${millis('s.settled_at')}, s.revision
  from ${steps} as s
  where s.run_id = $1::text and s.kind in ('rpc', 'inline') and s.settled_seq is not null
  order by revision`,
  }
}

/** What the clock of JavaScript can tell (ms), less what was before 1970: a bound beyond is no instant of PostgreSQL. */
const latest = '8640000000000000'

/** The instant so many `unit`s after 1970. Of a number: how text reads depends on settings of the connection. */
function instant(expression: string, unit: 'millisecond' | 'microsecond'): string {
  return `to_timestamp(0) + (${expression}) * interval '1 ${unit}'`
}

function bound(parameter: string): string {
  return `least(greatest(${parameter}::float8, 0), ${latest})`
}

/**
 * Runs, newest first, a page after a place.
 *
 * $1 workflow or null · $2 statuses json or null · $3 tags json ('[]': any) · $4 created after (ms) or null
 * $5 created before (ms) or null · $6, $7 the place: created_at (µs) and run id, or nulls · $8 limit
 *
 * One row per run: run, place.
 */
export function listRuns(schema: Schema, by: 'all' | 'workflow' | 'tags'): Statement {
  const chosen = {
    all: `$1::text is null and $3::text is not null`,
    workflow: `r.workflow = $1::text and r.tags @> array(select jsonb_array_elements_text($3::text::jsonb))`,
    tags: `($1::text is null or r.workflow = $1::text) and cardinality(r.tags) > 0
    and r.tags @> array(select jsonb_array_elements_text($3::text::jsonb))`,
  }[by]
  // Not as a condition of the index by age, where that by tags is to be read.
  const created = by === 'tags' ? `(r.created_at + interval '0')` : 'r.created_at'
  return {
    name: 'listRuns',
    text: `
  select ${runJson('r')} as run, round(date_part('epoch', r.created_at) * 1000000) as place
  from ${schema.quoted}.workflow_runs as r
  where ${chosen}
    and ($2::text is null or r.status = any (array(select jsonb_array_elements_text($2::text::jsonb))))
    and ${created} >= case when $4::float8 is null then '-infinity' else ${instant(`${bound('$4')} + 1`, 'millisecond')} end
    and ${created} < case when $5::float8 is null then 'infinity' else ${instant(bound('$5'), 'millisecond')} end
    and (r.created_at, r.run_id)
      < (case when $6::float8 is null then 'infinity' else ${instant('$6::float8', 'microsecond')} end, coalesce($7::text, ''))
  order by r.created_at desc, r.run_id desc
  limit $8::integer`,
  }
}

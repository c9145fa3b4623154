import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { interval, millis, runJson, stepJson } from './fragments.ts'

/**
 * $1 run id
 *
 * One row: run. No row: no such run.
 */
export function getRun(schema: Schema): Statement {
  return {
    name: 'getRun',
    text: `
  select ${runJson('r')} as run
  from ${schema.quoted}.workflow_runs as r
  where r.run_id = $1::text`,
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

/**
 * Runs, newest first, a page after a place.
 *
 * $1 workflow or null · $2 statuses json or null · $3 tags json ('[]': any) · $4 created after (ms) or null
 * $5 created before (ms) or null · $6, $7 the place: created_at as text and run id, or nulls · $8 limit
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
  return {
    name: 'listRuns',
    text: `
  select ${runJson('r')} as run, r.created_at::text as place
  from ${schema.quoted}.workflow_runs as r
  where ${chosen}
    and ($2::text is null or r.status = any (array(select jsonb_array_elements_text($2::text::jsonb))))
    and ($4::float8 is null or date_part('epoch', r.created_at) * 1000 >= $4::float8 + 1)
    and ($5::float8 is null or date_part('epoch', r.created_at) * 1000 < $5::float8)
    and (r.created_at, r.run_id) < (coalesce($6::text::timestamptz, 'infinity'), coalesce($7::text, ''))
  order by r.created_at desc, r.run_id desc
  limit $8::integer`,
  }
}

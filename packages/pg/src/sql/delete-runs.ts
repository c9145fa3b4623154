import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'

/** What one statement deletes has to be done before it times out: so many runs at most, … */
const mostRuns = 1_000
/** … and so many rows, or one run. A run has about as many as its revision says. */
const mostRows = 10_000

/**
 * Delete ended runs and every trace of them, oldest first, as many as one statement may.
 *
 * $1 finished before (ms) · $2 statuses json or null · $3 limit
 *
 * One row: deleted, more (there may be).
 */
export function deleteRuns(schema: Schema): Statement {
  const rowsOf = (table: string): string => `
    delete from ${schema.quoted}.${table} as x
    where x.run_id = any (array(select run_id from doomed))`
  return {
    name: 'deleteRuns',
    text: `
  with found as materialized (
    select r.run_id, r.revision, r.ended_at
    from ${schema.quoted}.workflow_runs as r
    where r.ended_at is not null and r.ended_at < to_timestamp($1::float8 / 1000)
      and ($2::text is null or r.status = any (array(select jsonb_array_elements_text($2::text::jsonb))))
    order by r.ended_at
    limit least($3::integer, ${mostRuns})
    for update skip locked
  ),
  doomed as materialized (
    select f.run_id
    from (
      select run_id, sum(revision) over (order by ended_at, run_id) - revision as rows_before
      from found
    ) as f
    where f.rows_before < ${mostRows}
  ),
  steps as (${rowsOf('workflow_step')}),
  attempts as (${rowsOf('workflow_attempt')}),
  signals as (${rowsOf('workflow_signal')}),
  deleted as (${rowsOf('workflow_runs')}
    returning x.run_id
  )
  select (select count(*) from deleted)::integer as deleted,
         (select count(*) from found) > (select count(*) from doomed) or (select count(*) from found) = ${mostRuns} as more`,
  }
}

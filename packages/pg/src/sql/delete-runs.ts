import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'

/**
 * Delete ended runs and every trace of them, oldest first.
 *
 * $1 finished before (ms) · $2 statuses json or null · $3 limit
 *
 * One row: deleted.
 */
export function deleteRuns(schema: Schema): Statement {
  const rowsOf = (table: string): string => `
    delete from ${schema.quoted}.${table} as x
    where x.run_id = any (array(select run_id from doomed))`
  return {
    name: 'deleteRuns',
    text: `
  with doomed as materialized (
    select r.run_id
    from ${schema.quoted}.workflow_runs as r
    where r.ended_at is not null and r.ended_at < to_timestamp($1::float8 / 1000)
      and ($2::text is null or r.status = any (array(select jsonb_array_elements_text($2::text::jsonb))))
    order by r.ended_at
    limit $3::integer
    for update skip locked
  ),
  steps as (${rowsOf('workflow_step')}),
  attempts as (${rowsOf('workflow_attempt')}),
  signals as (${rowsOf('workflow_signal')}),
  deleted as (${rowsOf('workflow_runs')}
    returning x.run_id
  )
  select count(*)::integer as deleted from deleted`,
  }
}

import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'

/**
 * The input of a step that was too large to be read under a lock.
 *
 * $1 run id · $2 name · $3 ordinal
 *
 * One row: input.
 */
export function readInput(schema: Schema): Statement {
  return {
    name: 'readInput',
    text: `
  select s.input
  from ${schema.quoted}.workflow_step as s
  where s.run_id = $1::text and s.name = $2::text and s.ordinal = $3::integer`,
  }
}

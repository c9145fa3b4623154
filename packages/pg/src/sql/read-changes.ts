import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { changesOf, interval, runJson } from './fragments.ts'

/**
 * A run and what changed in it, without a lock: one snapshot.
 *
 * $1 run id · $2 after · $3 bytes of text one answer may carry · $4 clock offset in ms
 *
 * One row: run, revision, wake_seq, changes, upto, more. No row: no such run.
 */
export function readChanges(schema: Schema): Statement {
  return {
    name: 'readChanges',
    text: `
  with clock as materialized (
    select clock_timestamp() + ${interval('$4::float8')} as at
  )
  select ${runJson('r')} as run, r.revision::float8 as revision, r.wake_seq::float8 as wake_seq, read.changes,
         read.upto::float8 as upto, read.more
  from ${schema.quoted}.workflow_runs as r
  cross join clock
  cross join lateral (
    ${changesOf(schema, { run: 'r.run_id', after: '$2::bigint', bytes: '$3::float8', at: 'clock.at', atLeastOne: true, when: 'true' })}
  ) as read
  where r.run_id = $1::text`,
  }
}

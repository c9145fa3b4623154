import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { interval } from './fragments.ts'

/**
 * Write an owner down as alive. Its connection is to hold the advisory lock (class, lock_key).
 *
 * $1 owner · $2 clock offset in ms
 *
 * One row: lock_key.
 */
export function enlist(schema: Schema): Statement {
  return {
    name: 'enlist',
    text: `
  insert into ${schema.quoted}.workflow_worker as w (owner, enlisted_at)
  values ($1::text, clock_timestamp() + ${interval('$2::float8')})
  on conflict (owner) do update
  set gone_since = null
  returning w.lock_key`,
  }
}

/**
 * Hold the lock of an owner for as long as this session lives. Shared: a new session of the same owner need not wait for
 * the server to notice the end of the old one.
 *
 * $1 lock class · $2 lock key
 */
export const holdLock: Statement = {
  name: 'holdLock',
  text: 'select pg_advisory_lock_shared($1::integer, $2::integer)::text as held',
}

import { createHash } from 'node:crypto'
import type { Db } from 'pg-boss'

/** A connection that gives no answer for so long is given up: its other end may be gone without a word. */
const ANSWER_WITHIN_MS = 30_000
/** … and sooner where a job is held meanwhile: half a minute without a sign of life, and it is another worker's. */
const SETTLED_WITHIN_MS = 10_000

interface Statement {
  readonly text: string
  readonly values?: unknown[]
  readonly query_timeout: number
  readonly name?: string
}

interface Rows {
  readonly rows: unknown[]
}

/** The pool that pg-boss makes for itself; a `db` of the application has none that we know of. */
interface Pool {
  /** One answer per statement of the text. */
  query(statement: Statement): Promise<Rows | Rows[]>
}

/** What a server or a pooler between says when prepared statements do not stay with their connection. */
const NOT_PREPARED = new Set(['26000', '42P05', '0A000'])

/**
 * A started pg-boss's database for the statements that run all the time and whose plan does not depend on how much is in
 * the queue: planned once per connection, which halves the time of an insert.
 */
export function preparing(db: Db): Db {
  let refused = false
  return {
    async executeSql(text, values = []) {
      if (!hasPool(db)) return await db.executeSql(text, values)
      const statement = { text, values, query_timeout: ANSWER_WITHIN_MS }
      if (refused) return lastOf(await db.pool.query(statement))
      try {
        const name = createHash('sha1').update(text).digest('base64url')
        return lastOf(await db.pool.query({ ...statement, name }))
      } catch (error) {
        // Refused before it ran, so running it again is safe.
        if (!(error instanceof Error && 'code' in error && NOT_PREPARED.has(String(error.code)))) throw error
        refused = true
        return lastOf(await db.pool.query(statement))
      }
    },
  }
}

/**
 * The same for fetching. A queue is empty whenever statistics are taken, so that the planner takes a backlog for a few
 * rows and sorts all of it at every fetch; without sorting, only the index that has the right order is left.
 */
export function fetching(db: Db): Db {
  return {
    async executeSql(text, values = []) {
      if (!hasPool(db)) return await db.executeSql(text, values)
      // Several statements in one message take no values, and are one transaction.
      if (values.length > 0) return lastOf(await db.pool.query({ text, values, query_timeout: ANSWER_WITHIN_MS }))
      const statement = { text: `set local enable_sort = off; ${text}`, query_timeout: ANSWER_WITHIN_MS }
      return lastOf(await db.pool.query(statement))
    },
  }
}

/** The same for what is said of jobs under way: left to pg-boss, it would wait for its answer for as long as TCP does. */
export function settling(db: Db): Db {
  return {
    async executeSql(text, values = []) {
      if (!hasPool(db)) return await db.executeSql(text, values)
      return lastOf(await db.pool.query({ text, values, query_timeout: SETTLED_WITHIN_MS }))
    },
  }
}

function lastOf(answer: Rows | Rows[]): { rows: unknown[] } {
  return Array.isArray(answer) ? (answer.at(-1) ?? { rows: [] }) : answer
}

function hasPool(db: Db): db is Db & { pool: Pool } {
  return 'pool' in db && typeof db.pool === 'object' && db.pool !== null && 'query' in db.pool
}

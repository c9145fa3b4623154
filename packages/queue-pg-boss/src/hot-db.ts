import { createHash } from 'node:crypto'
import type { Db } from 'pg-boss'

/** A connection that gives no answer for so long is given up: its other end may be gone without a word. */
const ANSWER_WITHIN_MS = 30_000

interface Statement {
  readonly text: string
  readonly values: unknown[]
  readonly query_timeout: number
  readonly name?: string
}

/** The pool that pg-boss makes for itself; a `db` of the application has none that we know of. */
interface Pool {
  query(statement: Statement): Promise<{ rows: unknown[] }>
}

/** What a server or a pooler between says when prepared statements do not stay with their connection. */
const NOT_PREPARED = new Set(['26000', '42P05', '0A000'])

/**
 * The database of a started pg-boss for the statements that run all the time: they end within half a minute, one way or
 * the other. With `prepare` they are planned once per connection, which halves the time of an insert. Not for statements
 * whose plan depends on how much is in the queue: one made while it was empty is a disaster for a backlog.
 */
export function hotDb(db: Db, { prepare }: { prepare: boolean }): Db {
  let preparing = prepare
  return {
    async executeSql(text, values = []) {
      if (!hasPool(db)) return await db.executeSql(text, values)
      const statement = { text, values, query_timeout: ANSWER_WITHIN_MS }
      if (!preparing) return await db.pool.query(statement)
      try {
        return await db.pool.query({ ...statement, name: createHash('sha1').update(text).digest('base64url') })
      } catch (error) {
        // Refused before it ran, so running it again is safe.
        if (!(error instanceof Error && 'code' in error && NOT_PREPARED.has(String(error.code)))) throw error
        preparing = false
        return await db.pool.query(statement)
      }
    },
  }
}

function hasPool(db: Db): db is Db & { pool: Pool } {
  return 'pool' in db && typeof db.pool === 'object' && db.pool !== null && 'query' in db.pool
}

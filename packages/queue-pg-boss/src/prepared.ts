import { createHash } from 'node:crypto'
import type { Db } from 'pg-boss'

/** The pool that pg-boss makes for itself; a `db` of the application has none that we know of. */
interface Pool {
  query(statement: { name: string; text: string; values: unknown[] }): Promise<{ rows: unknown[] }>
}

/** What a server or a pooler between says when prepared statements do not stay with their connection. */
const NOT_PREPARED = new Set(['26000', '42P05', '0A000'])

/**
 * `db` with its statements prepared: planning pg-boss's insert takes longer than running it. Only for statements whose
 * plan does not depend on how much is in the queue; a plan made while it was empty is a disaster for a backlog.
 */
export function preparing(db: Db): Db {
  const names = new Map<string, string>()
  let refused = false
  return {
    async executeSql(text, values) {
      if (refused || !hasPool(db)) return await db.executeSql(text, values)
      const name = names.get(text) ?? createHash('sha1').update(text).digest('hex')
      names.set(text, name)
      try {
        return await db.pool.query({ name, text, values: values ?? [] })
      } catch (error) {
        // Refused before it ran, so running it again is safe.
        if (!(error instanceof Error && 'code' in error && NOT_PREPARED.has(String(error.code)))) throw error
        refused = true
        return await db.executeSql(text, values)
      }
    },
  }
}

function hasPool(db: Db): db is Db & { pool: Pool } {
  return 'pool' in db && typeof db.pool === 'object' && db.pool !== null && 'query' in db.pool
}

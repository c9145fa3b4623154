import type { StorePorts } from '@pikku/core/contract'
import { Database, type Options } from './database.ts'
import { SqliteNotices } from './notices.ts'
import { sqliteAdmin, sqliteReader } from './reading.ts'
import { SqliteStore } from './sqlite-store.ts'

/**
 * Workflow runs in a file of this machine.
 *
 * @example
 * const ports = openSqlite('workflows.db')
 * await ports.admin.migrate()
 */
export function openSqlite(file: string, options: Options = {}): StorePorts {
  const db = new Database(file, options)
  const [reader, admin] = [sqliteReader(db), sqliteAdmin(db)]
  return { store: new SqliteStore(db), reader, admin, notices: new SqliteNotices(db) }
}

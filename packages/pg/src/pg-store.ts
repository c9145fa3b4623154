import type { StorePorts } from '@pikku/core/contract'
import { Database } from './database.ts'
import type { PgStoreOptions } from './database.ts'
import type { Connection } from './driver.ts'
import { PgNotices } from './pg-notices.ts'
import { PgAdmin, PgReader } from './pg-reader.ts'
import { PgWorkflowStore } from './pg-workflow-store.ts'

/** The parts of a workflow store on PostgreSQL, over the same few connections. */
export type PgStore = StorePorts

/**
 * Workflow state in one schema of a PostgreSQL database. Connects on first use. From an open `sql` its options are taken;
 * the connections are always own ones, so that the application's load cannot starve leases, and `store.close()` closes
 * only those.
 *
 * Throws `WorkflowError` (INVALID_NAME) for a schema name PostgreSQL would not keep. An operation rejects with
 * `StoreUnavailableError` when no definite answer can be had, with SCHEMA_TOO_NEW or SERVER_TOO_OLD on first use.
 *
 * @example
 * const { store, reader } = openPgStore('postgres://localhost/app', 'workflows', { leaseMs: 10_000, logger: console })
 */
export function openPgStore(connection: Connection, schema: string, options: PgStoreOptions): PgStore {
  const db = new Database(connection, schema, options)
  const notices = new PgNotices(db)
  const store = new PgWorkflowStore(db, async () => {
    await notices.close()
    await db.close()
  })
  return { store, reader: new PgReader(db), admin: new PgAdmin(db), notices }
}

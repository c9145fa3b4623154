import type { StorePorts } from '@pikku/core/contract'
import type { RedisStoreOptions } from './connection.ts'
import type { Given } from './given.ts'
import { openLink } from './open-link.ts'
import { RedisAdmin } from './redis-admin.ts'
import { RedisNotices } from './redis-notices.ts'
import { RedisReader } from './redis-reader.ts'
import { RedisWorkflowStore } from './redis-workflow-store.ts'

/** The parts of a workflow store on Redis, over the same few connections. */
export type RedisStore = StorePorts

/**
 * Workflow state under one prefix of a Redis server or of a Redis Cluster. Connects on first use. Of a given client its
 * options are taken; the connections are always own ones, so that nothing the application does holds up leases, and
 * `store.close()` closes only those.
 *
 * Throws `WorkflowError`: INVALID_NAME for a prefix, CONFIGURATION for a connection that is not accepted. An operation
 * rejects with `StoreUnavailableError` when no definite answer can be had; on first use with SERVER_TOO_OLD, with
 * SCHEMA_TOO_NEW for a prefix that a newer version wrote, or with CONFIGURATION for a server that may drop keys.
 *
 * @example
 * const { store, reader } = openRedisStore('redis://localhost:6379', 'workflows', { leaseMs: 10_000, logger: console })
 */
export function openRedisStore(given: Given, prefix: string, options: RedisStoreOptions): RedisStore {
  const link = openLink(given, prefix, options)
  const notices = new RedisNotices(link)
  const store = new RedisWorkflowStore(link, async () => {
    notices.close()
    await link.close()
  })
  return { store, reader: new RedisReader(link), admin: new RedisAdmin(link), notices }
}

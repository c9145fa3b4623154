import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { QueueService } from '@pikku/core/contract'
import type { OpenQueues } from '@pikku/core/testing'
import { SqliteQueueService } from './index.ts'

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: console.error }

/** Queues in a file of their own, gone with `dispose`. */
export async function openQueues(): Promise<OpenQueues> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sqlite-queue-'))
  const file = path.join(folder, 'queues.db')
  const connections = new Map<QueueService, DatabaseSync>()
  return {
    process: async () => {
      const open = (): DatabaseSync => {
        const db = new DatabaseSync(file, { timeout: 10_000 })
        db.exec('pragma synchronous = off') // The tests kill processes, not the machine.
        connections.set(service, db)
        return db
      }
      const service: QueueService = new SqliteQueueService(file, { pollMs: 10, logger: quiet, open })
      return service
    },
    // Nothing is renewed, given back or recorded any more. What was under way waits for no lease to run out.
    vanish: async (service) => {
      const db = connections.get(service)
      db?.exec(`update jobs set leaseUntil = 0 where status = 'active'`)
      db?.close()
    },
    dispose: async () => {
      for (const db of connections.values()) if (db.isOpen) db.close()
      rmSync(folder, { recursive: true })
    },
  }
}

import { randomBytes } from 'node:crypto'
import { openPgStore } from '@pikku/pg'
import { defineEngineTests, type OpenEngine } from '@pikku/core/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { PgBossQueueService } from '../src/index.ts'
import { createDatabase, type TestDatabase } from './support.ts'

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: console.error }

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

/** A schema and two queues of its own; each process has its own connections to both. */
async function openWorld(): Promise<OpenEngine> {
  const name = `world_${randomBytes(6).toString('hex')}`
  const closing = new Set<() => Promise<unknown>>()
  const open = (): ReturnType<typeof openPgStore> => {
    const ports = openPgStore(database.url, name, { leaseMs: 2_000, logger: quiet })
    closing.add(() => ports.store.close())
    return ports
  }
  await open().admin.migrate()
  return {
    mode: 'remote',
    queues: { orchestrator: `${name}_turns`, worker: `${name}_steps` },
    process: () => {
      const ports = open()
      const queueService = new PgBossQueueService(database.url, { logger: quiet })
      closing.add(() => queueService.close())
      const close = async (): Promise<void> => {
        await Promise.all([ports.store.close(), queueService.close()])
      }
      // To the server the end of its connections is all there is to see of a death.
      return Promise.resolve({ ports, queueService, close, vanish: close })
    },
    dispose: async () => {
      await Promise.all([...closing].map((close) => close()))
      await database.sql.unsafe(`drop schema if exists ${name} cascade`)
    },
  }
}

defineEngineTests({
  name: 'PostgreSQL and pg-boss',
  runner: { describe, test: (title, body) => test(title, { timeout: 60_000 }, body) },
  open: openWorld,
  everyCrashPoint: 3,
})

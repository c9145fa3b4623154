import type { QueueService } from '@pikku/core/contract'
import { defineQueueServiceTests, type OpenQueues } from '@pikku/core/testing'
import { startFreshPostgres } from '@pikku/tooling/postgres'
import { PgBoss } from 'pg-boss'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { PgBossQueueService } from '../src/index.ts'
import { differences, name } from './differences.ts'
import { createDatabase, RecordingLogger, type TestDatabase } from './support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

/** Each process with a PgBoss of its own, so that it can be cut off under the service's feet. */
function open(url: string): OpenQueues {
  const bosses = new Map<QueueService, PgBoss>()
  return {
    process: () => {
      const boss = new PgBoss({ connectionString: url, schedule: false, max: 4 })
      const service = new PgBossQueueService(boss, { logger: new RecordingLogger() })
      bosses.set(service, boss)
      return Promise.resolve(service)
    },
    vanish: async (service) => {
      await bosses.get(service)?.stop({ graceful: false })
      await noticeDeaths(url)
    },
    dispose: async () => {
      await Promise.all([...bosses.values()].map((boss) => boss.stop({ graceful: false })))
    },
  }
}

/** Supervision as it comes once a minute, for jobs that showed no sign of life for an hour. */
async function noticeDeaths(url: string): Promise<void> {
  const supervisor = new PgBoss({ connectionString: url, schedule: false, max: 2 })
  await supervisor.start()
  await database.sql`update pgboss.job set heartbeat_on = heartbeat_on - interval '1 hour' where state = 'active'`
  const active = await database.sql`select distinct name from pgboss.job where state = 'active'`
  for (const { name } of active) await supervisor.supervise(name)
  await supervisor.stop({ graceful: false })
}

async function openWithServer(): Promise<OpenQueues> {
  const server = await startFreshPostgres()
  const queues = open(server.url)
  return {
    ...queues,
    restart: async () => {
      await server.kill()
      await server.start()
    },
    dispose: async () => {
      await queues.dispose()
      await server.dispose()
    },
  }
}

defineQueueServiceTests({
  name,
  runner: { describe, test: (title, body) => test(title, { timeout: 60_000 }, body) },
  open: ({ ownServer }) => (ownServer ? openWithServer() : Promise.resolve(open(database.url))),
  differences,
})

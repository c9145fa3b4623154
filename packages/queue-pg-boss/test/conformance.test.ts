import { defineQueueServiceTests, type OpenQueues } from '@pikku/core/testing'
import { startFreshPostgres } from '@pikku/tooling/postgres'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { differences, name } from './differences.ts'
import { openBosses } from './open-bosses.ts'
import { createDatabase, type TestDatabase } from './support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

async function openWithServer(): Promise<OpenQueues> {
  const server = await startFreshPostgres()
  const queues = openBosses(server.url)
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
  open: ({ ownServer }) => (ownServer ? openWithServer() : Promise.resolve(openBosses(database.url))),
  differences,
})

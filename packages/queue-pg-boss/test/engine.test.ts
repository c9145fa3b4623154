import { defineEngineTests } from '@pikku/core/testing'
import { openPgStore } from '@pikku/pg'
import { purePair } from '@pikku/tooling/engine-lane'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { openBossWorld, quiet, type WorldStores } from './engine-world.ts'
import { createDatabase, type TestDatabase } from './support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

function pgStores(schema: string): WorldStores {
  return {
    open: () => openPgStore(database.url, schema, { leaseMs: 2_000, logger: quiet }),
    remove: () => database.sql.unsafe(`drop schema if exists ${schema} cascade`),
  }
}

defineEngineTests({
  name: 'PostgreSQL and pg-boss',
  runner: { describe, test: (title, body) => test(title, { timeout: purePair.timeout }, body) },
  open: () => openBossWorld(database.url, pgStores),
  ...purePair.share,
})

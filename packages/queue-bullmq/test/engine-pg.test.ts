import { defineEngineTests } from '@pikku/core/testing'
import { openPgStore } from '@pikku/pg'
import { mixedPair } from '@pikku/tooling/engine-lane'
import postgres from 'postgres'
import { describe, test } from 'vitest'
import { openBullWorld, quiet, type WorldStores } from './engine-world.ts'

/** A schema of its own on the server that `DATABASE_URL` names. */
function pgStores(schema: string): WorldStores {
  const url = process.env['DATABASE_URL']
  if (!url) throw new Error('DATABASE_URL is not set: run the tests from the root of the repository')
  return {
    open: () => openPgStore(url, schema, { leaseMs: 2_000, logger: quiet }),
    remove: async () => {
      const sql = postgres(url, { max: 1, onnotice: () => undefined })
      await sql.unsafe(`drop schema if exists ${schema} cascade`)
      await sql.end()
    },
  }
}

defineEngineTests({
  name: 'PostgreSQL and BullMQ',
  runner: { describe, test: (title, body) => test(title, { timeout: mixedPair.timeout }, body) },
  open: () => openBullWorld(pgStores),
  ...mixedPair.share,
})

import { defineEngineTests } from '@pikku/core/testing'
import { openRedisStore } from '@pikku/redis'
import { mixedPair } from '@pikku/tooling/engine-lane'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { openBossWorld, quiet, type WorldStores } from './engine-world.ts'
import { createDatabase, type TestDatabase } from './support.ts'

let database: TestDatabase
let redis: Redis
beforeAll(async () => {
  const url = process.env['REDIS_URL']
  if (!url) throw new Error('REDIS_URL is not set: run the tests from the root of the repository')
  redis = new Redis(url)
  database = await createDatabase()
})
afterAll(async () => {
  await redis.quit()
  await database.drop()
})

/** A prefix of its own on the server that `REDIS_URL` names. */
function redisStores(prefix: string): WorldStores {
  return {
    open: () => openRedisStore(redis, prefix, { leaseMs: 2_000, logger: quiet, buckets: 3 }),
    remove: async () => {
      for (const key of await redis.keys(`${prefix}:*`)) await redis.unlink(key)
    },
  }
}

defineEngineTests({
  name: 'Redis and pg-boss',
  runner: { describe, test: (title, body) => test(title, { timeout: mixedPair.timeout }, body) },
  open: () => openBossWorld(database.url, redisStores),
  ...mixedPair.share,
})

import { defineEngineTests } from '@pikku/core/testing'
import { openRedisStore } from '@pikku/redis'
import { purePair } from '@pikku/tooling/engine-lane'
import { describe, test } from 'vitest'
import { openBullWorld, quiet, type WorldStores } from './engine-world.ts'
import { openKeys } from './support.ts'

/** A prefix of its own on the server that `REDIS_URL` names. */
function redisStores(prefix: string): WorldStores {
  const keys = openKeys(process.env['REDIS_URL'], prefix)
  return {
    open: () => openRedisStore(keys.url, prefix, { leaseMs: 2_000, logger: quiet, buckets: 3 }),
    remove: () => keys.close(),
  }
}

defineEngineTests({
  name: 'Redis and BullMQ',
  runner: { describe, test: (title, body) => test(title, { timeout: purePair.timeout }, body) },
  open: () => openBullWorld(redisStores),
  ...purePair.share,
})

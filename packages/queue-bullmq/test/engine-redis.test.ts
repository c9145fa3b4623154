import { defineEngineTests } from '@pikku/core/testing'
import { openRedisStore } from '@pikku/redis'
import { crashPointLane } from '@pikku/tooling/crash-points'
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

const { everyCrashPoint, timeout } = crashPointLane(40)

defineEngineTests({
  name: 'Redis and BullMQ',
  runner: { describe, test: (title, body) => test(title, { timeout }, body) },
  open: () => openBullWorld(redisStores),
  everyCrashPoint,
})

import { describe, test } from 'vitest'
import { defineEngineTests } from '@pikku/core/testing'
import { openRedisWorld } from './redis-engine-world.ts'

defineEngineTests({
  name: 'Redis, inline',
  runner: { describe, test: (title, body) => test(title, { timeout: 60_000 }, body) },
  open: openRedisWorld,
  everyCrashPoint: 3,
})

import { describe, test } from 'vitest'
import { defineEngineTests } from '@pikku/core/testing'
import { crashPointLane } from '@pikku/tooling/crash-points'
import { openRedisWorld } from './redis-engine-world.ts'

const { everyCrashPoint, timeout } = crashPointLane(60)

defineEngineTests({
  name: 'Redis, inline',
  runner: { describe, test: (title, body) => test(title, { timeout }, body) },
  open: openRedisWorld,
  everyCrashPoint,
})

import { describe, test } from 'vitest'
import { defineEngineTests } from '@pikku/core/testing'
import { withoutQueue } from '@pikku/tooling/engine-lane'
import { openRedisWorld } from './redis-engine-world.ts'

defineEngineTests({
  name: 'Redis, inline',
  runner: { describe, test: (title, body) => test(title, { timeout: withoutQueue.timeout }, body) },
  open: openRedisWorld,
  ...withoutQueue.share,
})

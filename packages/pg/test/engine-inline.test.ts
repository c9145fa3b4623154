import { describe, test } from 'vitest'
import { defineEngineTests } from '@pikku/core/testing'
import { withoutQueue } from '@pikku/tooling/engine-lane'
import { openPgWorld } from './pg-engine-world.ts'

defineEngineTests({
  name: 'PostgreSQL, inline',
  runner: { describe, test: (title, body) => test(title, { timeout: withoutQueue.timeout }, body) },
  open: openPgWorld,
  ...withoutQueue.share,
})

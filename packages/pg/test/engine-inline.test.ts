import { describe, test } from 'vitest'
import { defineEngineTests } from '@pikku/core/testing'
import { crashPointLane } from '@pikku/tooling/crash-points'
import { openPgWorld } from './pg-engine-world.ts'

const { everyCrashPoint, timeout } = crashPointLane(60)

defineEngineTests({
  name: 'PostgreSQL, inline',
  runner: { describe, test: (title, body) => test(title, { timeout }, body) },
  open: openPgWorld,
  everyCrashPoint,
})

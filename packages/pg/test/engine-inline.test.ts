import { describe, test } from 'vitest'
import { defineEngineTests } from '@pikku/core/testing'
import { openPgWorld } from './pg-engine-world.ts'

defineEngineTests({
  name: 'PostgreSQL, inline',
  runner: { describe, test: (title, body) => test(title, { timeout: 60_000 }, body) },
  open: openPgWorld,
  everyCrashPoint: 3,
})

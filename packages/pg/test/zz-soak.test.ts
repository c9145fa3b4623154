import { describe, test } from 'vitest'
import { defineModelTests } from '@pikku/core/testing'
import { openPg } from './pg-harness.ts'
defineModelTests({ name: 'pg', runner: { describe, test: (n, b) => test(n, b, 60000) }, open: openPg, seeds: Array.from({ length: 150 }, (_, i) => i + 100) })

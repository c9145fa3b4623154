import { defineModelTests, defineWorkflowStoreTests } from '@pikku/core/testing'
import { describe, test } from 'vitest'
import { openStore } from './harness.ts'

const harness = { name: 'SQLite', runner: { describe, test }, open: openStore }

defineWorkflowStoreTests(harness)
defineModelTests(harness)

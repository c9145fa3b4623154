import { describe, test } from 'vitest'
import { defineModelTests, defineWorkflowStoreTests } from '@pikku/core/testing'
import { openPg } from './pg-harness.ts'

defineWorkflowStoreTests({ name: 'pg', runner: { describe, test }, open: openPg })
defineModelTests({ name: 'pg', runner: { describe, test }, open: openPg })

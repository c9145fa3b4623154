import { describe, test } from 'vitest'
import { defineModelTests, defineWorkflowStoreTests } from '@pikku/core/testing'
import { openRedis } from './redis-harness.ts'

for (const buckets of [1, 7]) {
  const name = `redis, buckets: ${buckets}`
  const open = (): ReturnType<typeof openRedis> => openRedis({ buckets })
  defineWorkflowStoreTests({ name, runner: { describe, test }, open })
  defineModelTests({ name, runner: { describe, test }, open })
}

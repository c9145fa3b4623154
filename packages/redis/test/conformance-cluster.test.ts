import { afterAll, beforeAll, describe, test } from 'vitest'
import { defineModelTests, defineWorkflowStoreTests } from '@pikku/core/testing'
import { startRedisCluster } from '@pikku/tooling/redis-cluster'
import type { RedisCluster } from '@pikku/tooling/redis-cluster'
import { openRedis } from './redis-harness.ts'

let cluster: RedisCluster

beforeAll(async () => {
  cluster = await startRedisCluster()
}, 60_000)

afterAll(() => cluster.dispose())

const open = (): ReturnType<typeof openRedis> => openRedis({ cluster })
defineWorkflowStoreTests({ name: 'redis cluster', runner: { describe, test }, open })
defineModelTests({ name: 'redis cluster', runner: { describe, test }, open })

import { randomBytes } from 'node:crypto'
import type { StorePorts } from '@pikku/core/contract'
import { defineEngineTests, type OpenEngine } from '@pikku/core/testing'
import { openRedisStore } from '@pikku/redis'
import { mixedPair } from '@pikku/tooling/engine-lane'
import { startRedisCluster, type RedisCluster } from '@pikku/tooling/redis-cluster'
import { Cluster } from 'ioredis'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { BullQueueService } from '../src/index.ts'
import { quiet } from './engine-world.ts'

let servers: RedisCluster
let given: Cluster

beforeAll(async () => {
  servers = await startRedisCluster()
  // Only its options are used.
  given = new Cluster([...servers.nodes], { lazyConnect: true, redisOptions: { password: servers.password } })
}, 60_000)
afterAll(() => servers?.dispose())

/** Two queues and a prefix of its own on three masters; each process has its own connections to store and queue. */
async function openWorld(): Promise<OpenEngine> {
  const prefix = `world_${randomBytes(6).toString('hex')}`
  const closing = new Set<() => Promise<unknown>>()
  const open = (): StorePorts => {
    const ports = openRedisStore(given, prefix, { leaseMs: 2_000, logger: quiet })
    closing.add(() => ports.store.close())
    return ports
  }
  await open().admin.migrate()
  return {
    mode: 'remote',
    process: () => {
      const ports = open()
      const queueService = new BullQueueService(given, { prefix, logger: quiet })
      closing.add(() => queueService.close())
      const close = async (): Promise<void> => {
        await Promise.all([ports.store.close(), queueService.close()])
      }
      return Promise.resolve({ ports, queueService, close, vanish: close })
    },
    // What it wrote goes with the cluster.
    dispose: async () => {
      await Promise.all([...closing].map((close) => close()))
    },
  }
}

defineEngineTests({
  name: 'Redis Cluster and BullMQ',
  runner: { describe, test: (title, body) => test(title, { timeout: mixedPair.timeout }, body) },
  open: openWorld,
  ...mixedPair.share,
})

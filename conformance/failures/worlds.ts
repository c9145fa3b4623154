import { randomBytes } from 'node:crypto'
import type { QueueService } from '@pikku/core/contract'
import type { WorkflowService } from '@pikku/core/service'
import { PgWorkflowService } from '@pikku/pg'
import { BullQueueService, BullQueueWorkers } from '@pikku/queue-bullmq'
import { PgBossQueueService, PgBossQueueWorkers } from '@pikku/queue-pg-boss'
import { RedisWorkflowService } from '@pikku/redis'
import { Redis } from 'ioredis'
import { createDatabase } from '../database.ts'

export const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** A state and a queue of their own on the test servers. */
export interface World {
  queueService(): QueueService & { close(): Promise<void> }
  workflowService(queueService: QueueService): WorkflowService
  readonly Workers: typeof PgBossQueueWorkers | typeof BullQueueWorkers
  /** The queue that a message about this run waits in. */
  queueOf(runId: string): Promise<string | undefined>
  /** The names of the queues there are. */
  queueNames(): Promise<string[]>
  drop(): Promise<void>
}

/** A second, so that what outlives its lease is seen to in a test's time. */
const options = { leaseMs: 1_000 }

async function openPostgres(): Promise<World> {
  const { url, sql, drop } = await createDatabase()
  return {
    queueService: () => new PgBossQueueService(url, { logger: silent }),
    workflowService: (queueService) => new PgWorkflowService(url, queueService, 'workflows', options),
    Workers: PgBossQueueWorkers,
    queueOf: async (runId) => {
      const [sent] = await sql`select name from pgboss.job where data->>'runId' = ${runId}`
      return sent?.['name'] as string | undefined
    },
    queueNames: async () => {
      const rows = await sql`select name from pgboss.queue where name not like '\\_\\_%' order by 1`
      return rows.map(({ name }) => String(name))
    },
    drop,
  }
}

async function openRedis(): Promise<World> {
  const url = process.env['REDIS_URL']
  if (!url) throw new Error('REDIS_URL is not set: run the tests from the root of the repository')
  const redis = new Redis(url)
  const name = `failures-${randomBytes(6).toString('hex')}`
  const [prefix, queuePrefix] = [name, `${name}-queues`]
  return {
    queueService: () => new BullQueueService(url, { prefix: queuePrefix, logger: silent }),
    workflowService: (queueService) => new RedisWorkflowService(url, queueService, prefix, options),
    Workers: BullQueueWorkers,
    queueOf: async (runId) => {
      for (const key of await redis.keys(`${queuePrefix}:*`)) {
        if (!/:[0-9a-f-]{36}$/.test(key) || !(await redis.hget(key, 'data'))?.includes(runId)) continue
        return /\{(.+)\}/.exec(key)?.[1]
      }
      return undefined
    },
    queueNames: async () => {
      const keys = await redis.keys(`${queuePrefix}:*:meta`)
      return keys.flatMap((key) => /\{(.+)\}/.exec(key)?.[1] ?? []).sort()
    },
    drop: async () => {
      const keys = await redis.keys(`${name}*`)
      if (keys.length > 0) await redis.unlink(keys)
      await redis.quit()
    },
  }
}

export const worlds = [
  { name: 'PostgreSQL and pg-boss', openWorld: openPostgres },
  { name: 'Redis and BullMQ', openWorld: openRedis },
]

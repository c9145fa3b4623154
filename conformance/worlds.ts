import { randomBytes } from 'node:crypto'
import type { Logger, QueueService } from '@pikku/core/contract'
import type { WorkflowService, WorkflowServiceOptions } from '@pikku/core/service'
import { PgWorkflowService } from '@pikku/pg'
import { BullQueueService, BullQueueWorkers } from '@pikku/queue-bullmq'
import { PgBossQueueService, PgBossQueueWorkers } from '@pikku/queue-pg-boss'
import { RedisWorkflowService } from '@pikku/redis'
import { Redis } from 'ioredis'
import type postgres from 'postgres'
import { createDatabase, type Contents } from './database.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** State and queues of their own on the test servers: one of the two options of the user's document. */
export interface World {
  /** Options are those that every store takes. */
  workflowService(queueService: QueueService | undefined, options?: WorkflowServiceOptions): WorkflowService
  queueService(logger?: Logger): QueueService & { init(): Promise<void>; close(): Promise<void> }
  readonly Workers: typeof PgBossQueueWorkers | typeof BullQueueWorkers
  contents(): Promise<Contents>
  /** The open connections of its services. */
  clients(): Promise<number>
  /** The queue that a message about this run waits in. */
  queueOf(runId: string): Promise<string | undefined>
  /** The names of the queues there are. */
  queueNames(): Promise<string[]>
  removeJobs(): Promise<void>
  /** For what nobody does by the packages: rows edited by hand, messages forged. */
  readonly raw: Raw
  drop(): Promise<void>
}

/** The servers as whoever has a connection sees them. */
type Raw =
  | { readonly kind: 'postgres'; readonly sql: postgres.Sql; readonly url: string }
  | { readonly kind: 'redis'; readonly redis: Redis; readonly prefix: string; readonly queuePrefix: string }

async function openPostgres(): Promise<World> {
  const { url, sql, ...database } = await createDatabase()
  return {
    ...database,
    workflowService: (queueService, options) => new PgWorkflowService(url, queueService, 'workflows', options),
    queueService: (logger = silent) => new PgBossQueueService(url, { logger }),
    Workers: PgBossQueueWorkers,
    queueOf: async (runId) => {
      const [sent] = await sql`select name from pgboss.job where data->>'runId' = ${runId}`
      return sent?.['name'] as string | undefined
    },
    queueNames: async () => {
      const rows = await sql`select name from pgboss.queue where name not like '\\_\\_%' order by 1`
      return rows.map(({ name }) => String(name))
    },
    removeJobs: async () => void (await sql`delete from pgboss.job`),
    raw: { kind: 'postgres', sql, url },
  }
}

async function openRedis(): Promise<World> {
  const server = process.env['REDIS_URL']
  if (!server) throw new Error('REDIS_URL is not set: run the tests from the root of the repository')
  const redis = new Redis(server)
  const name = `conformance-${randomBytes(6).toString('hex')}`
  const [prefix, queuePrefix] = [`${name}-runs`, `${name}-queues`]
  // A user of its own, by which its connections are known.
  await redis.call('ACL', 'SETUSER', name, 'on', '>secret', '~*', '&*', '+@all')
  const { href: url } = Object.assign(new URL(server), { username: name, password: 'secret' })
  const count = async (pattern: RegExp) => (await redis.keys(`${name}-*`)).filter((key) => pattern.test(key)).length
  const remove = async (pattern: string) => {
    const keys = await redis.keys(pattern)
    if (keys.length > 0) await redis.unlink(keys)
  }
  return {
    workflowService: (queueService, options) => new RedisWorkflowService(url, queueService, prefix, options),
    queueService: (logger = silent) => new BullQueueService(url, { prefix: queuePrefix, logger }),
    Workers: BullQueueWorkers,
    contents: async () => ({
      runs: await count(/-runs:\{\d+\}:run:/),
      steps: await count(/-runs:\{\d+\}:step:/),
      attempts: await count(/-runs:\{\d+\}:attempt:/),
      jobs: await count(/-queues:.*:[0-9a-f-]{36}$/),
    }),
    clients: async () => String(await redis.client('LIST')).split(` user=${name} `).length - 1,
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
    removeJobs: () => remove(`${queuePrefix}:*`),
    raw: { kind: 'redis', redis, prefix, queuePrefix },
    drop: async () => {
      await remove(`${name}-*`)
      await redis.call('ACL', 'DELUSER', name)
      await redis.quit()
    },
  }
}

/** `suffix`: of the names of expected messages that say which store it is. */
export const worlds = [
  { name: 'PostgreSQL and pg-boss', suffix: '', openWorld: openPostgres },
  { name: 'Redis and BullMQ', suffix: '-redis', openWorld: openRedis },
]

import { PgWorkflowService } from '@pikku/pg'
import { BullQueueService, BullQueueWorkers } from '@pikku/queue-bullmq'
import { PgBossQueueService, PgBossQueueWorkers } from '@pikku/queue-pg-boss'
import { RedisWorkflowService } from '@pikku/redis'
import { Redis } from 'ioredis'
import postgres from 'postgres'
import { createMailer } from './mailer.js'

/** Everything the functions and workflows of this app are given. Once per process. */
export const createSingletonServices = async () => {
  const { DATABASE_URL, REDIS_URL, MAIL_URL } = process.env
  const mailer = createMailer(MAIL_URL)
  if (REDIS_URL) return { ...onRedis(REDIS_URL), mailer }
  if (DATABASE_URL) return { ...onPostgres(DATABASE_URL), mailer }
  console.error('Neither DATABASE_URL nor REDIS_URL is set. Example: REDIS_URL=redis://localhost:6379')
  process.exit(1)
}

/** Option 1: runs and queues in PostgreSQL. */
function onPostgres(url: string) {
  const sql = postgres(url)
  const queueService = new PgBossQueueService(url)
  const workflowService = new PgWorkflowService(sql, queueService, 'workflows')
  return { queueService, workflowService, QueueWorkers: PgBossQueueWorkers, disconnect: () => sql.end() }
}

/** Option 2: runs and queues in Redis. */
function onRedis(url: string) {
  const redis = new Redis(url)
  const queueService = new BullQueueService(url)
  const workflowService = new RedisWorkflowService(redis, queueService, 'workflows')
  return { queueService, workflowService, QueueWorkers: BullQueueWorkers, disconnect: async () => redis.disconnect() }
}

export type SingletonServices = Awaited<ReturnType<typeof createSingletonServices>>

export async function closeServices(services: SingletonServices): Promise<void> {
  await services.workflowService.close()
  await services.queueService.close()
  await services.disconnect()
}

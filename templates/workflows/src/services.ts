// #region pg
import { PgWorkflowService } from '@pikku/pg'
import { PgBossQueueService, PgBossQueueWorkers } from '@pikku/queue-pg-boss'
import postgres from 'postgres'
// #endregion
// #region redis
import { BullQueueService, BullQueueWorkers } from '@pikku/queue-bullmq'
import { RedisWorkflowService } from '@pikku/redis'
import { Redis } from 'ioredis'
// #endregion
import { createMailer } from './mailer.js'

/** Everything the functions and workflows of this app are given. Once per process. */
export const createSingletonServices = async () => {
  const mailer = createMailer(process.env.MAIL_URL)
  // #region redis
  if (process.env.REDIS_URL) return { ...onRedis(process.env.REDIS_URL), mailer }
  // #endregion
  // #region pg
  if (process.env.DATABASE_URL) return { ...onPostgres(process.env.DATABASE_URL), mailer }
  // #endregion
  console.error('No server is named in the environment. Set:')
  // #region pg
  console.error('DATABASE_URL=postgres://user:password@localhost:5432/myapp')
  // #endregion
  // #region redis
  console.error('REDIS_URL=redis://localhost:6379')
  // #endregion
  process.exit(1)
}
// #region pg

/** Runs and queues in PostgreSQL. */
function onPostgres(url: string) {
  const sql = postgres(url)
  const queueService = new PgBossQueueService(url)
  const workflowService = new PgWorkflowService(sql, queueService, 'workflows')
  return { queueService, workflowService, QueueWorkers: PgBossQueueWorkers, disconnect: () => sql.end() }
}
// #endregion
// #region redis

/** Runs and queues in Redis. */
function onRedis(url: string) {
  const redis = new Redis(url)
  const queueService = new BullQueueService(url)
  const workflowService = new RedisWorkflowService(redis, queueService, 'workflows')
  return { queueService, workflowService, QueueWorkers: BullQueueWorkers, disconnect: async () => redis.disconnect() }
}
// #endregion

export type SingletonServices = Awaited<ReturnType<typeof createSingletonServices>>

export async function closeServices(services: SingletonServices): Promise<void> {
  await services.workflowService.close()
  await services.queueService.close()
  await services.disconnect()
}

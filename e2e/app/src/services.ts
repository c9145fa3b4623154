import { PgWorkflowService } from '@pikku/pg'
import { BullQueueService, BullQueueWorkers } from '@pikku/queue-bullmq'
import { PgBossQueueService, PgBossQueueWorkers } from '@pikku/queue-pg-boss'
import { RedisWorkflowService } from '@pikku/redis'

/** Where runs and queues are. The protocol of each URL says on what. */
export interface Servers {
  readonly STORE_URL: string
  readonly QUEUE_URL: string
}

export const createSingletonServices = async (servers: Partial<Servers> = process.env) => {
  const { STORE_URL = '', QUEUE_URL = '' } = servers
  const { LEASE_MS, REPLAY_GRACE_MS } = process.env
  const options = {
    ...(LEASE_MS ? { leaseMs: Number(LEASE_MS) } : {}),
    ...(REPLAY_GRACE_MS ? { timing: { replayGraceMs: Number(REPLAY_GRACE_MS) } } : {}),
  }
  const queueService = isRedis(QUEUE_URL) ? new BullQueueService(QUEUE_URL) : new PgBossQueueService(QUEUE_URL)
  const workflowService = isRedis(STORE_URL)
    ? new RedisWorkflowService(STORE_URL, queueService, 'workflows', options)
    : new PgWorkflowService(STORE_URL, queueService, 'workflows', options)
  const QueueWorkers = isRedis(QUEUE_URL) ? BullQueueWorkers : PgBossQueueWorkers
  return { queueService, workflowService, QueueWorkers }
}

export type SingletonServices = Awaited<ReturnType<typeof createSingletonServices>>

export async function closeServices({ workflowService, queueService }: SingletonServices): Promise<void> {
  await workflowService.close()
  await queueService.close()
}

const isRedis = (url: string) => url.startsWith('redis:')

// #region services
import { RedisWorkflowService } from '@pikku/redis'
import { BullQueueService } from '@pikku/queue-bullmq'
import { Redis } from 'ioredis'

export const createSingletonServices = async () => {
  const redis = new Redis('redis://localhost:6379')

  const queueService = new BullQueueService('redis://localhost:6379')

  const workflowService = new RedisWorkflowService(
    redis,
    queueService,
    'workflows', // key prefix
  )

  return { redis, queueService, workflowService }
}
// #endregion

type SingletonServices = Awaited<ReturnType<typeof createSingletonServices>>

// #region close
export async function closeServices({ workflowService, queueService, redis }: SingletonServices) {
  await workflowService.close()
  await queueService.close()
  await redis.quit()
}
// #endregion

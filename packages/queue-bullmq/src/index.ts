export { BullQueueService } from './bull-queue-service.ts'
export type { BullQueueServiceOptions } from './bull-queue-service.ts'
export { BullQueueWorkers } from './bull-queue-workers.ts'
export type { RedisSource } from './redis-source.ts'

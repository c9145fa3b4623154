export { PgBossQueueService } from './pg-boss-queue-service.ts'
export type { PgBossQueueServiceOptions } from './pg-boss-queue-service.ts'
export type { BossOptions, BossSource, OwnBoss } from './boss-source.ts'
export { PgBossQueueWorkers } from './pg-boss-queue-workers.ts'

export { openRedisStore, type RedisStore } from './redis-store.ts'
export type { RedisStoreOptions } from './connection.ts'
export type { Given } from './given.ts'
export { RedisWorkflowService, type RedisWorkflowServiceOptions } from './redis-workflow-service.ts'

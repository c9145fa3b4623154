export { openRedisStore, type RedisStore } from './redis-store.ts'
export type { Given, RedisStoreOptions } from './connection.ts'
export { RedisWorkflowService, type RedisWorkflowServiceOptions } from './redis-workflow-service.ts'

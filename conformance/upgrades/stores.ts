import type { WorkflowService, WorkflowServiceOptions } from '@pikku/core/service'

export type StoreName = 'pg' | 'redis'

/** A workflow service on `name`, a schema or a prefix, of the server in the environment. */
export async function openService(
  store: StoreName,
  name: string,
  { queue, options }: { queue?: never; options?: WorkflowServiceOptions } = {},
): Promise<WorkflowService> {
  // Imported when it is wanted: the version that a dump is made with may not have the other one yet.
  if (store === 'pg') {
    const { PgWorkflowService } = await import('@pikku/pg')
    return new PgWorkflowService(serverUrl('DATABASE_URL'), queue, name, options)
  }
  const { RedisWorkflowService } = await import('@pikku/redis')
  return new RedisWorkflowService(serverUrl('REDIS_URL'), queue, name, options)
}

export function serverUrl(variable: 'DATABASE_URL' | 'REDIS_URL'): string {
  const url = process.env[variable]
  if (!url) throw new Error(`${variable} is not set: run the tests from the root of the repository`)
  return url
}

export const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

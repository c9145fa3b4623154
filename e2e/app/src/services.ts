import { PgWorkflowService } from '@pikku/pg'
import { PgBossQueueService } from '@pikku/queue-pg-boss'
import postgres from 'postgres'

export const createSingletonServices = async (url = process.env['DATABASE_URL'] ?? '') => {
  const sql = postgres(url)
  const queueService = new PgBossQueueService(url)
  const { LEASE_MS } = process.env
  const options = LEASE_MS ? { leaseMs: Number(LEASE_MS) } : {}
  const workflowService = new PgWorkflowService(sql, queueService, 'workflows', options)
  return { sql, queueService, workflowService }
}

export type SingletonServices = Awaited<ReturnType<typeof createSingletonServices>>

export async function closeServices({ workflowService, queueService, sql }: SingletonServices): Promise<void> {
  await workflowService.close()
  await queueService.close()
  await sql.end()
}

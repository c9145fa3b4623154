// #region services
import { PgWorkflowService } from '@pikku/pg'
import { PgBossQueueService } from '@pikku/queue-pg-boss'
import postgres from 'postgres'

export const createSingletonServices = async () => {
  const sql = postgres('postgresql://localhost:5432/myapp')

  const queueService = new PgBossQueueService('postgresql://localhost:5432/myapp')

  const workflowService = new PgWorkflowService(
    sql,
    queueService,
    'workflows', // schema name
  )

  return { sql, queueService, workflowService }
}
// #endregion

export type SingletonServices = Awaited<ReturnType<typeof createSingletonServices>>

// #region close
export async function closeServices({ workflowService, queueService, sql }: SingletonServices) {
  await workflowService.close()
  await queueService.close()
  await sql.end()
}
// #endregion

import { PgWorkflowService } from '@pikku/pg'
import { PgBossQueueService } from '@pikku/queue-pg-boss'
import postgres from 'postgres'
import { createMailer } from './mailer.js'

/** Everything the functions and workflows of this app are given. Once per process. */
export const createSingletonServices = async () => {
  const url = databaseUrl()
  const sql = postgres(url)
  const queueService = new PgBossQueueService(url)
  const workflowService = new PgWorkflowService(sql, queueService, 'workflows')
  const mailer = createMailer(process.env.MAIL_URL)
  return { sql, queueService, workflowService, mailer }
}

export type SingletonServices = Awaited<ReturnType<typeof createSingletonServices>>

export async function closeServices({ workflowService, queueService, sql }: SingletonServices): Promise<void> {
  await workflowService.close()
  await queueService.close()
  await sql.end()
}

function databaseUrl(): string {
  const url = process.env.DATABASE_URL
  if (url) return url
  console.error('DATABASE_URL is not set. Example: DATABASE_URL=postgres://user:password@localhost:5432/myapp')
  process.exit(1)
}

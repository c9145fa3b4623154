import { NonRetryableError, type WorkflowStep } from '@pikku/core'
import { PgWorkflowService } from '@pikku/pg'
import { PgBossQueueService } from '@pikku/queue-pg-boss'
import postgres from 'postgres'

const url = process.env.DATABASE_URL ?? 'postgres://postgres:postgres@localhost:5432/postgres'
const outside = `http://127.0.0.1:${process.env.OUTSIDE_PORT ?? 4000}`

export const createSingletonServices = async () => {
  const sql = postgres(url)
  const queueService = new PgBossQueueService(url)
  const workflowService = new PgWorkflowService(sql, queueService, 'workflows')
  return { sql, queueService, workflowService, ask }
}

export async function closeServices({ workflowService, queueService, sql }: SingletonServices) {
  await workflowService.close()
  await queueService.close()
  await sql.end()
}

export type SingletonServices = Awaited<ReturnType<typeof createSingletonServices>>

/** Asks the warehouse, the bank or the carrier for something, and answers its number. */
async function ask(what: string, data: unknown, step: WorkflowStep | undefined): Promise<string> {
  const response = await fetch(`${outside}/${what}`, {
    method: 'POST',
    body: JSON.stringify(data),
    // The same for every attempt of this step, in whatever process it is made.
    headers: { 'idempotency-key': step?.invocationId ?? crypto.randomUUID() },
    signal: step?.signal ?? null,
  })
  // Asking again would change nothing.
  if (response.status === 402) throw new NonRetryableError(await response.text())
  if (!response.ok) throw new Error(`${what}: ${response.status} ${await response.text()}`)
  const { id } = (await response.json()) as { id: string }
  return id
}

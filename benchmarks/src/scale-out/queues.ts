import { PgBossQueueService } from '@pikku/queue-pg-boss'
import { startFreshPostgres } from '@pikku/tooling/postgres'
import postgres from 'postgres'
import { digits } from '../report/lines.ts'
import { markdownTable } from '../report/table.ts'
import { openApp } from './app.ts'

const queues = ['pikku-workflow-orchestrator', 'pikku-workflow-step-worker']

interface Way {
  readonly what: string
  /** Both queues in the table that queues share unless they are given one of their own. */
  readonly shared: boolean
  /** Jobs of another queue in that table, and in the planner's statistics. */
  readonly others: number
}

const ways: readonly Way[] = [
  { what: 'a partition for each queue (as it is)', shared: false, others: 0 },
  { what: 'the same, beside 50,000 jobs of another queue', shared: false, others: 50_000 },
  { what: 'one table', shared: true, others: 0 },
  { what: 'one table, with 50,000 jobs of another queue', shared: true, others: 50_000 },
]

async function prepare(url: string, { shared, others }: Way): Promise<void> {
  const queueService = new PgBossQueueService(url)
  await queueService.init()
  await queueService.close()
  const sql = postgres(url, { max: 1, onnotice: () => undefined })
  const options = { policy: 'standard', partition: false, retryLimit: 0, expireInSeconds: 60 }
  if (shared) for (const queue of queues) await sql`select pgboss.create_queue(${queue}, ${sql.json(options)})`
  await sql`select pgboss.create_queue('others', ${sql.json({ ...options, retentionSeconds: 86_400 })})`
  await sql`insert into pgboss.job (name, data) select 'others', '{}' from generate_series(1, ${others}::integer)`
  await sql.unsafe('analyze')
  await sql.end()
}

/** What the planner knows and does not know of a queue, by what a step costs. */
export async function queueTables(): Promise<string> {
  const lines: string[][] = []
  for (const way of ways) {
    const server = await startFreshPostgres({ settings: { max_connections: '100' } })
    try {
      await prepare(server.url, way)
      const app = await openApp(server.url)
      await app.play('rpc')
      const ms = await app.play('rpc')
      lines.push([way.what, digits(ms)])
      await app.close()
    } finally {
      await server.dispose()
    }
  }
  return markdownTable(['queues of pg-boss', 'ms per RPC step'], lines)
}

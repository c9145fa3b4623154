import { migrationPlan } from '@pikku/pg'
import { startFreshPostgres } from '@pikku/tooling/postgres'
import postgres from 'postgres'
import { partitioned } from '../partitioned.ts'
import { digits } from '../report/lines.ts'
import { markdownTable } from '../report/table.ts'
import { openApp, type App } from './app.ts'

const ended = 50_000
const schema = 'workflows'
/** The copies below in one partition, all other runs in the default one. */
const byAge = {
  by: 'range (run_id)',
  parts: { old: "for values from ('old-') to ('old.')", others: 'default' },
}

/** Copies of one run that was really executed, with its steps. */
async function copyRuns(sql: postgres.Sql): Promise<void> {
  const [run] = await sql`select run_id from workflows.workflow_runs where status = 'completed' limit 1`
  for (const name of ['workflow_runs', 'workflow_step']) {
    const columns = await sql<{ column_name: string }[]>`
      select column_name from information_schema.columns
      where table_schema = ${schema} and table_name = ${name} and is_generated = 'NEVER' and column_name <> 'run_id'`
    const list = columns.map((column) => column.column_name).join(', ')
    await sql.unsafe(`
      insert into workflows.${name} (run_id, ${list}) select 'old-' || lpad(n::text, 10, '0'), ${list}
      from workflows.${name}, generate_series(1, ${ended}) as n where run_id = '${String(run?.['run_id'])}'`)
  }
  await sql.unsafe('vacuum analyze workflows.workflow_runs')
  await sql.unsafe('vacuum analyze workflows.workflow_step')
  await sql.unsafe('checkpoint')
}

async function byDeleting({ workflowService }: App): Promise<void> {
  const until = { finishedBefore: new Date(Date.now() + 60_000), limit: 1_000 }
  while ((await workflowService.deleteRuns(until)) > 0);
}

async function byDropping(sql: postgres.Sql): Promise<void> {
  await sql.unsafe('drop table workflows.workflow_runs_old, workflows.workflow_step_old')
}

async function measure(
  what: string,
  plan: string,
  remove: (app: App, sql: postgres.Sql) => Promise<void>,
): Promise<string[]> {
  const server = await startFreshPostgres()
  const sql = postgres(server.url, { max: 1, onnotice: () => undefined })
  try {
    await sql.unsafe(plan)
    const app = await openApp(server.url)
    await app.play('inline')
    await copyRuns(sql)
    const wal = async (): Promise<number> =>
      Number((await sql`select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as bytes`)[0]?.['bytes'])
    const [before, start] = [await wal(), performance.now()]
    await remove(app, sql)
    const ms = performance.now() - start
    const bytes = (await wal()) - before
    await app.close()
    return [what, digits(ms), digits(bytes / ended)]
  } finally {
    await sql.end()
    await server.dispose()
  }
}

/** What it takes to be rid of ended runs: row by row, or with the partition they lie in. */
export async function retention(): Promise<string> {
  const plan = migrationPlan(schema)
  const lines = [
    await measure('deleteRuns, a thousand at a time', plan, (app) => byDeleting(app)),
    await measure('deleteRuns, in partitions by range', partitioned(plan, byAge), (app) => byDeleting(app)),
    await measure('drop of the partition', partitioned(plan, byAge), (_app, sql) => byDropping(sql)),
  ]
  return markdownTable([`${digits(ended)} ended runs of 10 steps`, 'ms', 'bytes of WAL per run'], lines)
}

import { randomBytes } from 'node:crypto'
import postgres from 'postgres'

/** A database of its own on the test server, and what is in it. */
export interface Database {
  readonly url: string
  readonly sql: postgres.Sql
  /** How much there is of each thing that a workflow may leave behind. */
  contents(): Promise<Contents>
  /** Connections other than this one. */
  clients(): Promise<number>
  drop(): Promise<void>
}

export interface Contents {
  readonly runs: number
  readonly steps: number
  readonly attempts: number
  readonly jobs: number
}

export async function createDatabase(): Promise<Database> {
  const server = process.env['DATABASE_URL']
  if (!server) throw new Error('DATABASE_URL is not set: run the tests from the root of the repository')
  const name = `messages_${randomBytes(6).toString('hex')}`
  const admin = postgres(server, { max: 1, onnotice: () => {} })
  await admin.unsafe(`create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  const sql = postgres(url.href, { max: 1, onnotice: () => {} })
  return {
    url: url.href,
    sql,
    contents: async () => ({
      runs: await countIn(sql, 'workflows.workflow_runs'),
      steps: await countIn(sql, 'workflows.workflow_step'),
      attempts: await countIn(sql, 'workflows.workflow_attempt'),
      jobs: await countIn(sql, 'pgboss.job'),
    }),
    clients: async () => {
      const [row] = await sql`
        select count(*)::int as n from pg_stat_activity
        where datname = ${name} and backend_type = 'client backend' and pid <> pg_backend_pid()`
      return Number(row?.['n'])
    },
    drop: async () => {
      await sql.end()
      await admin.unsafe(`drop database ${name} with (force)`)
      await admin.end()
    },
  }
}

async function countIn(sql: postgres.Sql, table: string): Promise<number> {
  const [found] = await sql`select to_regclass(${table}) is not null as yes`
  if (!found?.['yes']) return 0
  const [row] = await sql.unsafe(`select count(*)::int as n from ${table}`)
  return Number(row?.['n'])
}

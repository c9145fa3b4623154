import postgres from 'postgres'
import { startFreshPostgres } from './postgres.ts'
import { meet } from './servers-met.ts'

/**
 * For vitest's `globalSetup`: gives tests a real PostgreSQL server in `process.env.DATABASE_URL`. One that is already
 * set is used as it is; otherwise a private server is started and stopped with the test run.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env['DATABASE_URL']) {
    await meetPostgres(process.env['DATABASE_URL'])
    return undefined
  }
  const server = await startFreshPostgres({ settings: { max_connections: '200' } })
  process.env['DATABASE_URL'] = server.url
  await meetPostgres(server.url)
  return async () => {
    delete process.env['DATABASE_URL']
    await server.dispose()
  }
}

async function meetPostgres(url: string): Promise<void> {
  const sql = postgres(url, { max: 1 })
  try {
    const [row] = await sql`select current_setting('server_version') as version`
    meet(`PostgreSQL ${String(row?.['version']).split(' ')[0]}`)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

import { startFreshPostgres } from './postgres.ts'

/**
 * For vitest's `globalSetup`: gives tests a real PostgreSQL server in `process.env.DATABASE_URL`. One that is already
 * set is used as it is; otherwise a private server is started and stopped with the test run.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env['DATABASE_URL']) return undefined
  const server = await startFreshPostgres({ settings: { max_connections: '200' } })
  process.env['DATABASE_URL'] = server.url
  return async () => {
    delete process.env['DATABASE_URL']
    await server.dispose()
  }
}

import { startFreshRedis } from './redis.ts'

/**
 * For vitest's `globalSetup`: gives tests a real Redis server in `process.env.REDIS_URL`. One that is already set is
 * used as it is; otherwise a private server is started and stopped with the test run.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env['REDIS_URL']) return undefined
  const server = await startFreshRedis()
  process.env['REDIS_URL'] = server.url
  return async () => {
    delete process.env['REDIS_URL']
    await server.dispose()
  }
}

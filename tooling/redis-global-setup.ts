import { Redis } from 'ioredis'
import { findRedisServer, installAdvice, startFreshRedis } from './redis.ts'
import { meet } from './servers-met.ts'

/**
 * For vitest's `globalSetup`: gives tests a real Redis server in `process.env.REDIS_URL`. One that is already set is
 * used as it is; otherwise a private server is started and stopped with the test run. Where that cannot be, the tests
 * that need it fail; those that do not can be run all the same.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env['REDIS_URL']) {
    await meetRedis(process.env['REDIS_URL'])
    return undefined
  }
  if (!findRedisServer()) {
    console.error(`There is no redis-server on PATH: tests that need it will fail. ${installAdvice}.`)
    return undefined
  }
  const server = await startFreshRedis()
  process.env['REDIS_URL'] = server.url
  await meetRedis(server.url)
  return async () => {
    delete process.env['REDIS_URL']
    await server.dispose()
  }
}

async function meetRedis(url: string): Promise<void> {
  const redis = new Redis(url)
  try {
    meet(`Redis ${/redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? 'of an unknown version'}`)
  } finally {
    redis.disconnect()
  }
}

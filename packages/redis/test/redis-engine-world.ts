import { Redis } from 'ioredis'
import type { OpenEngine } from '@pikku/core/testing'
import { openRedisStore } from '../src/index.ts'
import { freshPrefix, quiet, redisUrl, removeKeys } from './redis-harness.ts'

/** An engine world under a prefix of its own: every process has its own connections, its own renewal thread. */
export async function openRedisWorld(): Promise<OpenEngine> {
  const prefix = freshPrefix()
  const closing = new Set<() => Promise<void>>()
  const open = (): ReturnType<typeof openRedisStore> => {
    const ports = openRedisStore(redisUrl(), prefix, { leaseMs: 2_000, logger: quiet, buckets: 3 })
    closing.add(() => ports.store.close())
    return ports
  }
  await open().admin.migrate()
  return {
    mode: 'inline',
    process: () => {
      const ports = open()
      const close = (): Promise<void> => ports.store.close()
      // To the server the end of its connections is all there is to see of a death.
      return Promise.resolve({ ports, close, vanish: close })
    },
    dispose: async () => {
      await Promise.all([...closing].map((close) => close()))
      const redis = new Redis(redisUrl())
      await removeKeys(redis, prefix)
      await redis.quit()
    },
  }
}

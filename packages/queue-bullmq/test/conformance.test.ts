import { randomBytes } from 'node:crypto'
import type { QueueService } from '@pikku/core/contract'
import { defineQueueServiceTests, type OpenQueues } from '@pikku/core/testing'
import { startFreshRedis } from '@pikku/tooling/redis'
import { Worker } from 'bullmq'
import { describe, test } from 'vitest'
import { BullQueueService } from '../src/index.ts'
import { differences, name } from './differences.ts'
import { openKeys, RecordingLogger, type TestKeys } from './support.ts'

/** Each process with a user of the server of its own, so that it can be cut off under the service's feet. */
function open(): OpenQueues {
  const keys = openKeys()
  const users = new Map<QueueService, string>()
  return {
    process: async () => {
      const user = `${keys.prefix}-${randomBytes(4).toString('hex')}`
      // No more than the README asks for.
      const rights = [`~${keys.prefix}:*`, '+@all', '-@dangerous', '+info']
      await keys.redis.call('ACL', 'SETUSER', user, 'on', '>secret', ...rights)
      const url = Object.assign(new URL(keys.url), { username: user, password: 'secret' })
      const service = serviceOn(url.href, keys.prefix)
      users.set(service, user)
      return service
    },
    vanish: async (service) => {
      await keys.redis.call('ACL', 'DELUSER', users.get(service) ?? '')
      await noticeDeaths(keys)
    },
    dispose: async () => {
      for (const user of users.values()) await keys.redis.call('ACL', 'DELUSER', user)
      await keys.close()
    },
  }
}

function serviceOn(url: string, prefix = 'bull'): BullQueueService {
  return new BullQueueService(url, { prefix, logger: new RecordingLogger() })
}

/** The check that comes every half minute, for jobs whose locks ran out. */
async function noticeDeaths(keys: TestKeys): Promise<void> {
  for (const key of await keys.all()) {
    const queue = /^[^:]*:(\{.*\}):active$/.exec(key)?.[1]
    if (!queue) continue
    const base = key.slice(0, -':active'.length)
    const ids = await keys.redis.lrange(key, 0, -1)
    for (const id of ids) await keys.redis.del(`${base}:${id}:lock`)
    await keys.redis.del(`${base}:stalled-check`)
    await keys.redis.sadd(`${base}:stalled`, ids)
    const connection = { url: keys.url }
    const checker = new Worker(queue, null, { connection, prefix: keys.prefix, maxStalledCount: 1e6 })
    await checker.startStalledCheckTimer()
    await checker.waitUntilReady()
    while ((await keys.redis.llen(key)) > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await checker.close()
  }
}

async function openWithServer(): Promise<OpenQueues> {
  const server = await startFreshRedis()
  return {
    process: () => Promise.resolve(serviceOn(server.url)),
    restart: async () => {
      await server.kill()
      await server.start()
    },
    dispose: () => server.dispose(),
  }
}

defineQueueServiceTests({
  name,
  runner: { describe, test: (title, body) => test(title, { timeout: 60_000 }, body) },
  open: ({ ownServer }) => (ownServer ? openWithServer() : Promise.resolve(open())),
  differences,
})

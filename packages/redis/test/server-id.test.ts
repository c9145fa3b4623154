import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { Client } from '../src/client.ts'
import { redisUrl } from './redis-harness.ts'

test('a server that cannot say which one it is, for it is busy, is asked again on the same connection', async () => {
  const raw = new Redis(redisUrl(), { lazyConnect: true })
  const call = raw.call.bind(raw) as (...args: unknown[]) => Promise<unknown>
  let asked = 0
  const busyAtFirst = (...args: unknown[]): Promise<unknown> => {
    asked += 1
    return asked === 1 ? Promise.reject(new Error('BUSY Redis is busy running a script.')) : call(...args)
  }
  Object.assign(raw, { call: busyAtFirst })
  const client = new Client(raw, 1_000)
  const soon = (): number => performance.now() + 5_000
  try {
    await expect(client.serverId(soon())).rejects.toThrow('BUSY')
    const [one, same] = [await client.serverId(soon()), await client.serverId(soon())]
    expect(one).toMatch(/^[0-9a-f]{8}$/)
    expect([same, asked]).toEqual([one, 2])
  } finally {
    client.close()
  }
})

import { Redis } from 'ioredis'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { BullConnection } from '../src/connection.ts'
import { BullQueueService } from '../src/index.ts'
import type { RedisSource } from '../src/index.ts'
import { openKeys, RecordingLogger, until } from './support.ts'

describe('the connection of a queue service', () => {
  const keys = openKeys()
  const closing: (() => Promise<unknown>)[] = []
  const address = new URL(keys.url)
  const options = {
    host: address.hostname,
    port: Number(address.port),
    ...(address.password ? { password: address.password } : {}),
  }

  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()))
    await keys.clear()
  })
  afterAll(() => keys.close())

  function service(source: RedisSource, logger = new RecordingLogger()): BullQueueService {
    const made = new BullQueueService(source, { prefix: keys.prefix, logger })
    closing.push(() => made.close())
    return made
  }
  /** One job through everything that has a connection. */
  async function works(made: BullQueueService): Promise<void> {
    await made.consume('mail', {}, async () => 'sent')
    const heard: string[] = []
    const doorbell = made.doorbell({ orchestrator: 'runs', worker: 'steps' })
    const answering = await doorbell.answer({ run: 1, step: 1 }, async (item) => void heard.push(item.runId))
    await doorbell.ring([{ kind: 'run', runId: 'r', workflow: 'w' }])
    const job = await made.getJob('mail', await made.add('mail', 1))
    expect(await job?.waitForCompletion(5_000)).toBe('sent')
    await until('it is heard', () => heard.length === 1)
    await answering.stop()
  }
  async function clients(): Promise<string[]> {
    const list = String(await keys.redis.client('LIST')).split('\n')
    return list.filter((line) => line.includes(`name=${keys.prefix}:`))
  }

  it('opens nothing before it is used', async () => {
    const logger = new RecordingLogger()
    const unused = new BullQueueService('redis://127.0.0.1:1', { logger })
    unused.doorbell({ orchestrator: 'a', worker: 'b' })
    await unused.close()
    expect(logger.lines).toEqual([])
  })

  it('stays closed when BullMQ finds that a wait was not answered, and connects anew', async () => {
    const connection = new BullConnection(keys.url, keys.prefix, new RecordingLogger())
    const worker = await connection.worker('mail', null, {})
    expect(await clients()).not.toEqual([])
    await worker.close(true)
    await connection.close()
    await until('nobody is connected', async () => (await clients()).length === 0)
    // What its watchdog of the wait does when it fires while the worker is being closed.
    await expect(worker.getBackend().reconnectBlocking()).rejects.toThrow('this queue service is closed')
    expect(await clients()).toEqual([])
  })

  it('F39: honours the database of a URL everywhere', async () => {
    const url = new URL(keys.url)
    url.pathname = '/7'
    await works(service(url.href))
    expect(await keys.all()).toEqual([])
    const databases = (await clients()).map((line) => / db=(\d+) /.exec(line)?.[1])
    expect(new Set(databases)).toEqual(new Set(['7']))
    await clear(7)
  })

  it('F39: honours options everywhere', async () => {
    await works(service({ ...options, db: 6 }))
    expect(await keys.all()).toEqual([])
    const databases = (await clients()).map((line) => / db=(\d+) /.exec(line)?.[1])
    expect(new Set(databases)).toEqual(new Set(['6']))
    await clear(6)
  })

  it('F39: takes the options of a Redis that is passed, whatever they are, and leaves it alone', async () => {
    const passed = new Redis({ ...options, db: 5, enableOfflineQueue: false, commandTimeout: 500, lazyConnect: true })
    await passed.connect()
    const made = service(passed)
    await works(made)
    expect(await keys.all()).toEqual([])
    await made.close()
    await made.close()
    expect(passed.status).toBe('ready')
    expect(await passed.ping()).toBe('PONG')
    // Nothing of BullMQ's is on it: no listener, no script.
    expect(passed.listenerCount('error')).toBe(0)
    await passed.quit()
    await clear(5)
  })
  async function clear(db: number): Promise<void> {
    const other = new Redis({ ...options, db })
    const left = await other.keys(`${keys.prefix}:*`)
    if (left.length > 0) await other.del(left)
    await other.quit()
  }

  it.each([
    ['options', { ...options, keyPrefix: 'mine:' }],
    ['a URL', `${keys.url}?keyPrefix=mine:`],
    ['a Redis', new Redis({ ...options, keyPrefix: 'mine:', lazyConnect: true })],
  ])('refuses a keyPrefix in %s, and says why', (_what, source) => {
    const words = { code: 'CONFIGURATION', message: expect.stringMatching(/keyPrefix 'mine:'.*`prefix`/s) }
    expect(() => new BullQueueService(source)).toThrow(expect.objectContaining(words))
  })

  it.each([undefined, null, 7, '', 'localhost:6379', 'http://user:secret@x', [], new Map(), new RecordingLogger()])(
    'refuses %s as a connection',
    (source) => {
      expect(() => new BullQueueService(source as RedisSource)).toThrow(/is no connection to Redis; accepted/)
      expect(() => new BullQueueService(source as RedisSource)).not.toThrow(/secret/)
    },
  )

  it.each(['', 'a{b}', 'a b', 'a\n', 'x'.repeat(201), 7 as never])('F52: refuses the prefix %j', (prefix) => {
    expect(() => new BullQueueService(keys.url, { prefix })).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }))
  })

  it('F52: keeps queues under different prefixes apart', async () => {
    const other = new BullQueueService(keys.url, { prefix: `${keys.prefix}-other`, logger: new RecordingLogger() })
    closing.push(() => other.close())
    const id = await service(keys.url).add('mail', 1)
    expect(await other.getJob('mail', id)).toBeNull()
  })

  it('says where there is no server, without the password, and once', { timeout: 30_000 }, async () => {
    const logger = new RecordingLogger()
    const made = service('redis://user:secret@127.0.0.1:1', logger)
    const calls = [made.init(), made.add('q', 1), made.consume('q', {}, async () => 1), made.getJob('q', 'x')]
    for (const call of await Promise.allSettled(calls)) {
      expect(call.status === 'rejected' && String(call.reason.message)).toMatch(/127\.0\.0\.1:1\/0.*ECONNREFUSED/)
    }
    expect(logger.lines.join()).not.toContain('secret')
    expect(logger.lines.filter((line) => line.startsWith('error'))).toHaveLength(1)
  })
})

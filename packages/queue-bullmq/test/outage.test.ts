import { once } from 'node:events'
import net from 'node:net'
import { startFreshRedis } from '@pikku/tooling/redis'
import type { RedisServer } from '@pikku/tooling/redis'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { BullQueueService } from '../src/index.ts'
import { RecordingLogger, runItem, succeeds, until } from './support.ts'

const queues = { orchestrator: 'orchestrator', worker: 'step-worker' }

describe('F44: when the server goes away', { timeout: 60_000 }, () => {
  let server: RedisServer
  let logger: RecordingLogger
  const services: BullQueueService[] = []
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason)

  beforeAll(async () => {
    server = await startFreshRedis()
    process.on('unhandledRejection', onUnhandled)
  })
  afterEach(async () => {
    await Promise.all(services.splice(0).map((service) => service.close()))
    expect(unhandled).toEqual([])
  })
  afterAll(async () => {
    process.off('unhandledRejection', onUnhandled)
    await server.dispose()
  })

  function service(): BullQueueService {
    const made = new BullQueueService(server.url, { logger })
    services.push(made)
    return made
  }

  it('doorbell and queues go on after it came back, nothing that was added is lost, and each outage is told once', async () => {
    logger = new RecordingLogger()
    const [first, second] = [service(), service()]
    const heard: string[] = []
    const mails: unknown[] = []
    await second.doorbell(queues).answer({ run: 5, step: 5 }, async (item) => void heard.push(item.runId))
    await second.consume('mail', { concurrency: 2 }, async (job) => void mails.push(job.data))
    const doorbell = first.doorbell(queues)
    await doorbell.ring([runItem('before')])
    await first.add('mail', 'before')
    const late = await first.add('mail', 'across', { delay: 3_000 })
    await until('both arrive', () => heard.includes('before') && mails.includes('before'))

    await server.kill()
    await expect(doorbell.ring([runItem('during')])).rejects.toThrow()
    await expect(first.add('mail', 'during')).rejects.toThrow()
    await server.start()

    await until('a ring is taken', () => succeeds(() => doorbell.ring([runItem('after')])))
    await until('a job is taken', () => succeeds(() => first.add('mail', 'after', { jobId: 'after' })))
    await until('both arrive', () => heard.includes('after') && mails.includes('after'), 30_000)
    await until('the delayed one arrives', () => mails.includes('across'), 30_000)
    await until('its result is stored', async () => {
      return (await (await first.getJob('mail', late))?.status()) === 'completed'
    })
    expect(mails.filter((mail) => mail === 'across')).toHaveLength(1)
    // Two services, each with a connection for commands, one for its workers, and one for each queue.
    expect(logger.lines.filter((line) => line.startsWith('error'))).toHaveLength(2)
    expect(logger.lines.filter((line) => line.includes('connected to Redis'))).toHaveLength(2)
  })

  it('a job that was under way is settled once the server is back', async () => {
    logger = new RecordingLogger()
    const first = service()
    let release: ((value: string) => void) | undefined
    await first.consume('slow', {}, () => new Promise((resolve) => (release = resolve)))
    const id = await first.add('slow', 1)
    await until('it is under way', () => release !== undefined)
    await server.kill()
    release?.('kept')
    await server.start()
    await until('its result is there', async () => {
      const job = await first.getJob('slow', id).catch(() => null) // not back yet
      return job?.result === 'kept'
    })
  })

  it('a service whose server is down fails its calls and works when it is there', async () => {
    logger = new RecordingLogger()
    const first = service()
    await server.kill()
    await expect(first.init()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await expect(first.consume('mail', {}, async () => 1)).rejects.toThrow()
    await server.start()
    await until('it starts', () => succeeds(() => first.add('mail', 1)))
  })

  it('is closed within its grace and some seconds while there is no server, and lets the process end', async () => {
    logger = new RecordingLogger()
    const first = service()
    let started = false
    await first.consume('stuck', {}, () => {
      started = true
      return new Promise(() => undefined)
    })
    await first.doorbell(queues).answer({ run: 1, step: 1 }, async () => undefined)
    await first.add('stuck', 1)
    await until('it is under way', () => started)
    await server.kill()
    const startedAt = performance.now()
    await first.close()
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    await server.start()
  })

  it('a job whose worker never heard of it, because the answer was lost, costs no attempt', async () => {
    logger = new RecordingLogger()
    const first = service()
    const admin = new Redis(server.url)
    const releases: (() => void)[] = []
    await first.consume('unheard', {}, ({ attempt }) => {
      return new Promise((resolve) => releases.push(() => resolve(attempt)))
    })
    const heard = await first.add('unheard', 'heard')
    await until('it is under way', () => releases.length === 1)
    const id = await first.add('unheard', 'unheard')
    const key = 'bull:{unheard}'
    const token = await admin.get(`${key}:${heard}:lock`)
    // What taking it does.
    await admin
      .multi()
      .zrem(`${key}:prioritized`, id)
      .lpush(`${key}:active`, id)
      .hincrby(`${key}:${id}`, 'ats', 1)
      .exec()
    await admin.set(`${key}:${id}:lock`, `${token}0`)
    const job = await first.getJob('unheard', id)
    expect(await job?.status()).toBe('active')
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await until('it waits again', async () => (await job?.status()) === 'waiting')
    expect(await (await first.getJob('unheard', heard))?.status()).toBe('active')
    releases.shift()?.()
    await until('the other is under way', () => releases.length === 1)
    releases.shift()?.()
    expect(await job?.waitForCompletion(5_000)).toBe(1)
    await admin.quit()
  })

  it('goes on after every connection was cut, and after SCRIPT FLUSH, at any time', async () => {
    logger = new RecordingLogger()
    const [first, second] = [service(), service()]
    const admin = new Redis(server.url)
    const done = new Set<unknown>()
    const heard = new Set<string>()
    await second.doorbell(queues).answer({ run: 5, step: 0 }, async (item) => void heard.add(item.runId))
    await second.consume('cut', { concurrency: 3 }, async (job) => void done.add(job.data))
    const doorbell = first.doorbell(queues)
    for (let i = 0; i < 400; i++) {
      if (i % 20 === 5) void admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      if (i % 20 === 15) void admin.script('FLUSH')
      await until('a job is taken', () => succeeds(() => first.add('cut', i, { jobId: `job ${i}` })))
      await until('a ring is taken', () => succeeds(() => doorbell.ring([runItem(`run ${i}`)])))
    }
    // Those whose answer was lost on the way to their worker as well, and long before they would count as lost with it.
    await until('all jobs are done', () => done.size === 400)
    await until('all rings but those cut off are heard', () => heard.size >= 380)
    await admin.quit()
  })
})

// It waits out twenty seconds of silence.
describe.runIf(process.env['LANE'] === 'slow')('F44: connections that go dead without a word (LANE=slow)', () => {
  it('are given up: rings and jobs are heard again within half a minute', { timeout: 90_000 }, async () => {
    const server = await startFreshRedis()
    const freezes: (() => void)[] = []
    const proxy = net.createServer((client) => {
      const upstream = net.connect(server.port, server.host)
      for (const socket of [client, upstream]) socket.on('error', () => undefined)
      client.on('close', () => upstream.destroy()).pipe(upstream)
      upstream.on('close', () => client.destroy()).pipe(client)
      freezes.push(() => [client, upstream].forEach((socket) => socket.unpipe().pause()))
    })
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const url = new URL(server.url)
    url.port = String((proxy.address() as net.AddressInfo).port)
    const logger = new RecordingLogger()
    const [dead, alive] = [new BullQueueService(url.href, { logger }), new BullQueueService(server.url, { logger })]
    const heard: string[] = []
    const mails: unknown[] = []
    await dead.doorbell(queues).answer({ run: 5, step: 5 }, async (item) => void heard.push(item.runId))
    await dead.consume('mail', {}, async (job) => void mails.push(job.data))
    await alive.doorbell(queues).ring([runItem('before')])
    await until('it is heard', () => heard.includes('before'))

    for (const freeze of freezes) freeze()
    const since = performance.now()
    await alive.doorbell(queues).ring([runItem('after')])
    await alive.add('mail', 'after')
    await until('both are heard', () => heard.includes('after') && mails.includes('after'), 60_000)
    console.log(`connections of BullMQ that went dead: heard again after ${Math.round(performance.now() - since)} ms`)
    expect(performance.now() - since).toBeLessThan(35_000)
    expect(mails).toEqual(['after'])
    await Promise.all([dead.close(), alive.close()])
    proxy.close()
    await server.dispose()
  })
})

import type { JobDelivery } from '@pikku/core/contract'
import { Queue, QueueEvents } from 'bullmq'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BullQueueService } from '../src/index.ts'
import { openKeys, RecordingLogger, until } from './support.ts'

describe('the queue service on BullMQ', () => {
  const keys = openKeys()
  let services: BullQueueService[]
  let logger: RecordingLogger

  beforeEach(() => {
    services = []
    logger = new RecordingLogger()
  })
  afterEach(async () => {
    await Promise.all(services.map((service) => service.close()))
    await keys.clear()
  })
  afterAll(() => keys.close())

  function service(): BullQueueService {
    const made = new BullQueueService(keys.url, { prefix: keys.prefix, logger })
    services.push(made)
    return made
  }
  async function statusOf(queue: string, id: string): Promise<string> {
    return (await (await service().getJob(queue, id))?.status()) ?? 'gone'
  }
  /** The queue as another program sees it. */
  function foreign(name: string): Queue {
    return new Queue(`{${name}}`, { connection: keys.redis, prefix: keys.prefix })
  }

  it('F40: getJob is null for an unknown id of any form, from a process that added nothing, and writes nothing', async () => {
    await service().add('known', 1)
    const other = service()
    // BullMQ's own keys have names like ids.
    const ids = ['k1', '', 'a:b', '0', '17', 'meta', 'wait', 'events', 'prioritized', '\u0000', 'x'.repeat(5_000)]
    for (const id of [...ids, '00000000-0000-4000-8000-000000000000'])
      expect(await other.getJob('known', id)).toBeNull()
    expect(await other.getJob('never-heard-of', 'k1')).toBeNull()
    expect((await keys.all()).filter((key) => key.includes('never-heard-of'))).toEqual([])
  })

  it('F13, F37: a jobId of any form is one job while it is known, from any process', async () => {
    const ids = [
      'k1',
      '42',
      '0',
      '0:1',
      'a:b',
      'a:b:c',
      '',
      'meta',
      'ü\u0000\ud800',
      '11111111-1111-4111-8111-111111111111',
    ]
    for (const jobId of ids) {
      const first = service()
      expect(await first.add('once', { n: 1 }, { jobId })).toBe(jobId)
      expect(await service().add('once', { n: 2 }, { jobId })).toBe(jobId)
      await Promise.all([first.add('once', 3, { jobId }), first.add('once', 4, { jobId })])
      expect(await service().getJob('once', jobId)).toMatchObject({ id: jobId, data: { n: 1 } })
      expect(await service().getJob('twice', jobId)).toBeNull()
    }
    const ran: string[] = []
    await service().consume('once', { concurrency: 3 }, async (job) => ran.push(job.id))
    await until('each ran', () => ran.length >= ids.length)
    expect(new Set(ran)).toEqual(new Set(ids))
    expect(ran).toHaveLength(ids.length)
  })

  it('takes priorities from one bound to the other, higher first, and in order among equals', async () => {
    const first = service()
    const [low, high] = [-1_000_000, 1_000_000]
    for (const priority of [0, low, 7, high, -1, 1, 0, 7]) await first.add('ranked', priority, { priority })
    await first.add('ranked', 'default')
    const ran: unknown[] = []
    await first.consume('ranked', {}, async (job) => void ran.push(job.data))
    await until('all ran', () => ran.length === 9)
    expect(ran).toEqual([high, 7, 7, 1, 0, 0, 'default', -1, low])
    await expect(first.add('ranked', 1, { priority: high + 1 })).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    const id = await first.add('unranked', 1, { priority: -3 })
    expect(await (await first.getJob('unranked', id))?.metadata()).toMatchObject({ priority: -3 })
  })

  it('F25: waits as long between attempts as backoff says', async () => {
    const first = service()
    const at: number[] = []
    await first.consume('flaky', {}, async () => {
      at.push(performance.now())
      throw new Error('not yet')
    })
    const backoff = { type: 'exponential' as const, delay: 150 }
    const id = await first.add('flaky', 1, { attempts: 3, backoff })
    await until('it has failed', async () => (await statusOf('flaky', id)) === 'failed')
    const [one = 0, two = 0, three = 0] = at
    expect(at).toHaveLength(3)
    expect(two - one).toBeGreaterThanOrEqual(149)
    expect(three - two).toBeGreaterThanOrEqual(299)
    expect(three - one).toBeLessThan(2_000)
  })

  it('F45: every job is kept as long as its own options say, and none for ever', async () => {
    const first = service()
    await first.consume('kept', {}, async (job) => {
      if (job.data === 'fails') throw new Error('no')
    })
    const [second, month] = [{ age: 1 }, { age: 30 * 86_400 }]
    await first.add('kept', 1, { jobId: 'gone', removeOnComplete: { age: 0 } })
    await first.add('kept', 1, { jobId: 'short', removeOnComplete: second })
    await first.add('kept', 1, { jobId: 'long', removeOnComplete: month })
    await first.add('kept', 'fails', { jobId: 'failed', removeOnComplete: { age: 0 } })
    await first.add('kept', 'fails', { jobId: 'failed-short', removeOnFail: second })
    await until('all ran', async () => (await statusOf('kept', 'failed-short')) === 'failed')
    const [completed, failed] = [`${keys.prefix}:{kept}:completed`, `${keys.prefix}:{kept}:failed`]
    await until('the times are set', async () => {
      const scores = await keys.redis.zrange(completed, '0', '-1', 'WITHSCORES')
      return scores.some((score) => Number(score) > Date.now() + 28 * 86_400_000)
    })
    expect(await statusOf('kept', 'gone')).toBe('gone')
    await until('the short ones are over', async () => (await statusOf('kept', 'failed-short')) === 'gone')
    await until('the short ones are over', async () => (await statusOf('kept', 'short')) === 'gone')
    expect(await statusOf('kept', 'failed')).toBe('failed')
    // The next to end clears them away, and leaves the others where they are.
    await first.add('kept', 1, { jobId: 'next' })
    await first.add('kept', 'fails', { jobId: 'next-failed' })
    await until('they are cleared away', async () => {
      return (await keys.redis.zcard(completed)) === 2 && (await keys.redis.zcard(failed)) === 2
    })
    expect(await statusOf('kept', 'long')).toBe('completed')
    const jobs = (await keys.all()).filter((key) => /:[0-9a-f-]{36}$/.test(key))
    expect(jobs).toHaveLength(4)
  })

  it('F45: a jobId is free again when its time is over, though the old job is still there', async () => {
    const first = service()
    const ran: unknown[] = []
    await first.consume('again', {}, async (job) => void ran.push(job.data))
    await first.add('again', 1, { jobId: 'a', removeOnComplete: { age: 1 } })
    await until('it completed', async () => (await statusOf('again', 'a')) === 'completed')
    await first.add('again', 2, { jobId: 'a' })
    await until('its time is over', async () => (await statusOf('again', 'a')) === 'gone')
    expect(await keys.redis.zcard(`${keys.prefix}:{again}:completed`)).toBe(1)
    await Promise.all([first.add('again', 3, { jobId: 'a' }), service().add('again', 4, { jobId: 'a' })])
    await until('it ran again', () => ran.length === 2)
    expect(await statusOf('again', 'a')).toBe('completed')
    expect(ran).toHaveLength(2)
  })

  it('tells whoever waits, in any process, at once', async () => {
    const [first, other] = [service(), service()]
    let release: (() => void) | undefined
    await first.consume('awaited', {}, () => new Promise<string>((resolve) => (release = () => resolve('done'))))
    const id = await first.add('awaited', 1)
    const waiting = (await other.getJob('awaited', id))?.waitForCompletion(10_000)
    await until('it is under way', () => release !== undefined)
    // By now it listens.
    await until('it listens', async () => String(await keys.redis.client('LIST')).includes('cmd=xread'))
    const releasedAt = performance.now()
    release?.()
    expect(await waiting).toBe('done')
    expect(performance.now() - releasedAt).toBeLessThan(500)
  })

  it('leaves no more than a thousand or so lines behind about what happened', async () => {
    const first = service()
    const ids = await Promise.all(Array.from({ length: 600 }, (_, i) => first.add('busy', i)))
    await first.consume('busy', { concurrency: 50 }, async () => 1)
    await until('all ran', async () => (await keys.redis.zcard(`${keys.prefix}:{busy}:completed`)) === ids.length)
    expect(await keys.redis.xlen(`${keys.prefix}:{busy}:events`)).toBeLessThan(1_500)
  })

  it('hands over a job that another program put into the queue with BullMQ, as its JSON', async () => {
    const first = service()
    const queue = foreign('foreign')
    const added = await queue.add('any', { to: 'a@b.c' })
    const jobs: JobDelivery[] = []
    await first.consume('foreign', {}, async (job) => {
      jobs.push(job)
      return 'seen'
    })
    await until('it is handled', () => jobs.length === 1)
    expect(jobs[0]).toMatchObject({ id: added.id, data: { to: 'a@b.c' }, attempt: 1 })
    const job = await service().getJob('foreign', added.id ?? '')
    expect(await job?.waitForCompletion(5_000)).toBe('seen')
    await queue.close()
  })

  it('is a queue of BullMQ to others: states, progress and failures are where they look for them', async () => {
    const first = service()
    const queue = foreign('shown')
    const events = new QueueEvents(queue.name, { connection: { url: keys.url }, prefix: keys.prefix })
    const progressed: unknown[] = []
    events.on('progress', ({ data }) => progressed.push(data))
    await events.waitUntilReady()
    await first.consume('shown', {}, async (job) => {
      await job.updateProgress(1)
      throw new TypeError('broken')
    })
    const id = await first.add('shown', 1)
    await until('it has failed', async () => (await queue.getJobState(id)) === 'failed')
    expect(await queue.getJob(id)).toMatchObject({
      failedReason: 'broken',
      stacktrace: [expect.stringContaining('TypeError: broken')],
    })
    await until('progress is told', () => progressed.length === 1)
    await Promise.all([events.close(), queue.close()])
  })

  it('F45: leaves no connection behind', async () => {
    const before = await connections()
    const first = service()
    await first.consume('closed', {}, async () => 1)
    await first.doorbell({ orchestrator: 'o', worker: 'w' }).answer({ run: 1, step: 1 }, async () => undefined)
    const id = await first.add('closed', 1)
    await (await first.getJob('closed', id))?.waitForCompletion()
    expect(await connections()).toBeGreaterThan(before)
    await first.close()
    await first.close()
    await until('all are gone', async () => (await connections()) === before)
    await expect(first.add('closed', 1)).rejects.toThrow(/closed/)
    await expect(first.consume('closed', {}, async () => 1)).rejects.toThrow(/closed/)
    await expect(first.getJob('closed', id)).rejects.toMatchObject({ code: 'CONFIGURATION' })
  })
  async function connections(): Promise<number> {
    const clients = String(await keys.redis.client('LIST', 'TYPE', 'NORMAL'))
    return clients.split('\n').filter((line) => line.includes('addr=') && line.includes(`name=${keys.prefix}`)).length
  }
})

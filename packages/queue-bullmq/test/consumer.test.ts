import { once } from 'node:events'
import { Worker } from 'bullmq'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { BullQueueService } from '../src/index.ts'
import { openKeys, RecordingLogger, until } from './support.ts'

describe('the life of a consumer', () => {
  const keys = openKeys()
  const services: BullQueueService[] = []

  afterEach(async () => {
    await Promise.all(services.splice(0).map((service) => service.close()))
    await keys.clear()
  })
  afterAll(() => keys.close())

  function service(logger = new RecordingLogger()): BullQueueService {
    const made = new BullQueueService(keys.url, { prefix: keys.prefix, logger })
    services.push(made)
    return made
  }
  /** What is left when a worker is killed: the job is active, its lock ran out, and a check noted it before. */
  async function forgetLock(queue: string, id: string): Promise<void> {
    const key = `${keys.prefix}:{${queue}}`
    await keys.redis.del(`${key}:${id}:lock`, `${key}:stalled-check`)
    await keys.redis.sadd(`${key}:stalled`, id)
  }

  it('waits for the jobs under way within its grace, and takes no more', async () => {
    const first = service()
    let release: (() => void) | undefined
    let runs = 0
    const consumer = await first.consume('graceful', {}, () => {
      runs++
      return new Promise<void>((resolve) => (release = resolve))
    })
    const id = await first.add('graceful', 1)
    await until('it is under way', () => runs === 1)
    const stopped = consumer.stop(10_000)
    const second = await first.add('graceful', 2)
    release?.()
    await stopped
    expect(await (await first.getJob('graceful', id))?.status()).toBe('completed')
    expect(await (await first.getJob('graceful', second))?.status()).toBe('waiting')
    expect(runs).toBe(1)
  })

  it('takes no more after an idle one was stopped, which is done at once', async () => {
    const first = service()
    const consumer = await first.consume('idle', {}, async () => 1)
    const startedAt = performance.now()
    await consumer.stop(10_000)
    expect(performance.now() - startedAt).toBeLessThan(1_500)
    const id = await first.add('idle', 1)
    expect(await (await first.getJob('idle', id))?.status()).toBe('waiting')
  })

  it('after its grace aborts the signal, gives the job back at once, and drops what the handler still says', async () => {
    const [first, second] = [service(), service()]
    const ended: Promise<unknown>[] = []
    const consumer = await first.consume('cut-short', {}, (job) => {
      const handling = once(job.signal, 'abort').then(() => 'too late')
      ended.push(handling)
      return handling
    })
    const id = await first.add('cut-short', 'x')
    await until('it is under way', () => ended.length === 1)
    await consumer.stop(20)
    await Promise.all(ended)
    const attempts: number[] = []
    await second.consume('cut-short', {}, async (job) => {
      attempts.push(job.attempt)
      return 'from the other'
    })
    const job = await second.getJob('cut-short', id)
    expect(await job?.waitForCompletion(5_000)).toBe('from the other')
    // The attempt that was given back does not count.
    expect(attempts).toEqual([1])
    expect(await job?.metadata()).toMatchObject({ attemptsMade: 1, attempts: 1 })
  })

  it('gives back what is under way when the service is closed', async () => {
    const first = service()
    let runs = 0
    await first.consume('closed', {}, () => {
      runs++
      return new Promise(() => undefined)
    })
    const id = await first.add('closed', 1)
    await until('it is under way', () => runs === 1)
    await first.close()
    expect(await (await service().getJob('closed', id))?.status()).toBe('waiting')
  })

  it('a worker that lost its job writes nothing about it', async () => {
    const logger = new RecordingLogger()
    let release: ((value: string) => void) | undefined
    let told: Promise<void> | undefined
    await service(logger).consume('fenced', {}, (job) => {
      return new Promise((resolve) => {
        release = (value) => {
          told = job.updateProgress('stale')
          told.catch(() => undefined) // looked at below
          resolve(value)
        }
      })
    })
    const first = service()
    const id = await first.add('fenced', 1, { attempts: 3 })
    await until('it is under way', () => release !== undefined)
    // Somebody else's.
    await keys.redis.set(`${keys.prefix}:{fenced}:${id}:lock`, 'another')
    release?.('stale')
    await expect(told).rejects.toMatchObject({ code: 'LEASE_LOST' })
    await until('it hears of it', () => logger.lines.some((line) => line.includes('Lock mismatch')))
    const job = await first.getJob('fenced', id)
    expect([await job?.status(), job?.result, (await job?.metadata())?.progress]).toEqual([
      'active',
      undefined,
      undefined,
    ])
  })

  it('the job of a worker that died is tried again, if it has attempts left', async () => {
    const first = service()
    const dying = service()
    let taken = 0
    await dying.consume('orphan', { concurrency: 3 }, () => {
      taken++
      return new Promise(() => undefined)
    })
    const again = await first.add('orphan', 'again', { attempts: 2 })
    const fails = await first.add('orphan', 'fails', { attempts: 2 })
    const last = await first.add('orphan', 'last')
    await until('they are under way', () => taken === 3)
    await Promise.all([again, fails, last].map((id) => forgetLock('orphan', id)))
    const attempts: [unknown, number][] = []
    await service().consume('orphan', {}, async (job) => {
      attempts.push([job.data, job.attempt])
      if (job.data === 'fails') throw new Error('no')
    })
    const [retried, failed, lost] = await Promise.all([again, fails, last].map((id) => first.getJob('orphan', id)))
    await retried?.waitForCompletion(5_000)
    await expect(failed?.waitForCompletion(5_000)).rejects.toMatchObject({ reason: 'no' })
    await expect(lost?.waitForCompletion(5_000)).rejects.toThrow(/died, or gave no sign of life/)
    expect(attempts).toHaveLength(2)
    expect(attempts).toEqual(
      expect.arrayContaining([
        ['again', 2],
        ['fails', 2],
      ]),
    )
    expect((await failed?.metadata())?.attemptsMade).toBe(2)
    expect((await lost?.metadata())?.attemptsMade).toBe(1)
  })

  it('has a lock that lasts longer than it takes to renew it', async () => {
    const first = service()
    let started = false
    await first.consume('long', {}, () => {
      started = true
      return new Promise(() => undefined)
    })
    const id = await first.add('long', 1)
    await until('it is under way', () => started)
    const leftMs = await keys.redis.pttl(`${keys.prefix}:{long}:${id}:lock`)
    expect(leftMs).toBeGreaterThan(25_000)
    expect(leftMs).toBeLessThanOrEqual(30_000)
  })

  it('F43: handles up to concurrency jobs at once, and a slow one holds up no other', async () => {
    const first = service()
    let release: (() => void) | undefined
    const slow = new Promise<void>((resolve) => (release = resolve))
    let [now, most, done] = [0, 0, 0]
    await first.consume('busy', { concurrency: 3 }, async (job) => {
      most = Math.max(most, ++now)
      await (job.data === 'slow' ? slow : new Promise((resolve) => setTimeout(resolve, 5)))
      now--
      done++
    })
    await first.add('busy', 'slow')
    for (let i = 0; i < 20; i++) await first.add('busy', i)
    await until('all but the slow one are done', () => done === 20)
    release?.()
    await until('all are done', () => done === 21)
    expect(most).toBe(3)
  })

  it('a job that comes back to the same process aborts the attempt that gave no sign of life', async () => {
    const first = service()
    const signals: AbortSignal[] = []
    await first.consume('back', { concurrency: 2 }, (job) => {
      signals.push(job.signal)
      return job.attempt === 1 ? new Promise(() => undefined) : Promise.resolve('second')
    })
    const id = await first.add('back', 1, { attempts: 2 })
    await until('it is under way', () => signals.length === 1)
    await forgetLock('back', id)
    // The check that comes every half minute.
    const options = { connection: { url: keys.url }, prefix: keys.prefix, maxStalledCount: 9 }
    const checker = new Worker('{back}', null, options)
    await checker.startStalledCheckTimer()
    const job = await first.getJob('back', id)
    expect(await job?.waitForCompletion(10_000)).toBe('second')
    expect(signals.map((signal) => signal.aborted)).toEqual([true, false])
    await checker.close()
  })

  it('F45: clears away what is over, though no other job ends', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] })
    try {
      const first = service()
      await first.consume('quiet', {}, async () => 1)
      const id = await first.add('quiet', 1, { removeOnComplete: { age: 1 } })
      await (await first.getJob('quiet', id))?.waitForCompletion()
      await until('its time is over', async () => (await first.getJob('quiet', id)) === null)
      const job = `${keys.prefix}:{quiet}:${id}`
      expect(await keys.redis.exists(job)).toBe(1)
      vi.advanceTimersByTime(60_000)
      await until('it is cleared away', async () => (await keys.redis.exists(job)) === 0)
      expect(await keys.redis.zcard(`${keys.prefix}:{quiet}:completed`)).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })
})

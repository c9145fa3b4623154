import { setTimeout as sleep } from 'node:timers/promises'
import type { JobDelivery } from '@pikku/core/contract'
import { PgBoss } from 'pg-boss'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PgBossQueueService } from '../src/index.ts'
import { createDatabase, RecordingLogger, until } from './support.ts'
import type { TestDatabase } from './support.ts'

describe('the queue service on pg-boss', () => {
  let database: TestDatabase
  let services: PgBossQueueService[]
  let logger: RecordingLogger

  beforeAll(async () => {
    database = await createDatabase()
  })
  afterAll(() => database.drop())
  beforeEach(() => {
    services = []
    logger = new RecordingLogger()
  })
  afterEach(async () => {
    await Promise.all(services.map((service) => service.close()))
    await database.sql`drop schema if exists pgboss cascade`
  })

  function service(): PgBossQueueService {
    const made = new PgBossQueueService(database.url, { logger })
    services.push(made)
    return made
  }
  async function statusOf(queue: string, id: string): Promise<string> {
    return (await (await service().getJob(queue, id))?.status()) ?? 'gone'
  }

  it('opens nothing before it is used', async () => {
    const unused = new PgBossQueueService('postgres://nobody@127.0.0.1:1/nothing', { logger })
    unused.doorbell({ orchestrator: 'a', worker: 'b' })
    await unused.close()
    expect(logger.lines).toEqual([])
  })

  it('is made on first use by any number of processes at once', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => service().add('mail', 1)))
    expect(new Set(ids).size).toBe(5)
  })

  it('F36: takes a job from one process to another and its result back', async () => {
    const id = await service().add('double', { n: 21 })
    const other = service()
    const waiting = await other.getJob<{ n: number }, number>('double', id)
    expect(waiting).toMatchObject({ id, queueName: 'double', data: { n: 21 }, result: undefined })
    expect(await waiting?.status()).toBe('waiting')
    await other.consume('double', {}, async (job) => (job.data as { n: number }).n * 2)
    await until('it is completed', async () => (await waiting?.status()) === 'completed')
    const done = await service().getJob<{ n: number }, number>('double', id)
    expect(done?.result).toBe(42)
  })

  it('keeps every value as it was, in data and result', async () => {
    const cyclic: Record<string, unknown> = { name: 'a' }
    cyclic['self'] = cyclic
    const value = {
      date: new Date(5),
      map: new Map([[1, new Set(['x'])]]),
      big: 2n ** 70n,
      missing: undefined,
      nothing: null,
      zero: -0,
      nan: NaN,
      nul: 'a\u0000b',
      lone: '\ud800',
      emoji: '✓ 😀',
      bytes: new Uint8Array([1, 2, 3]),
      cyclic,
    }
    const first = service()
    const id = await first.add('values', value)
    let received: unknown
    await first.consume('values', {}, async (job) => (received = job.data))
    await until('it is completed', async () => (await statusOf('values', id)) === 'completed')
    expect(received).toEqual(value)
    const job = await service().getJob('values', id)
    expect(job?.data).toEqual(value)
    expect(job?.result).toEqual(value)
  })

  it.each([undefined, null, 'text', 7, [1, 2]])('takes %s as data and result', async (value) => {
    const first = service()
    const id = await first.add('plain', value)
    await first.consume('plain', {}, async (job) => job.data)
    await until('it is completed', async () => (await statusOf('plain', id)) === 'completed')
    const job = await first.getJob('plain', id)
    expect([job?.data, job?.result]).toEqual([value, value])
  })

  it('names the path of what cannot be kept', async () => {
    class Money {}
    const refused = (data: unknown): Promise<string> => service().add('q', data)
    await expect(refused({ order: { lines: [{ price: new Money() }] } })).rejects.toMatchObject({
      code: 'NOT_SERIALIZABLE',
      path: 'data.order.lines[0].price',
    })
    await expect(refused({ done: () => 1 })).rejects.toThrow(/\.done/)
    await expect(refused(() => 1)).rejects.toThrow(/data cannot be kept: it is a function/)
    await expect(refused({ later: Promise.resolve(1) })).rejects.toThrow(/\.later/)
  })

  it('fails the job whose result cannot be kept, and says why', async () => {
    const first = service()
    const id = await first.add('bad-result', 1)
    await first.consume('bad-result', {}, async () => ({ f: () => 1 }))
    await until('it has failed', async () => (await statusOf('bad-result', id)) === 'failed')
    const [row] = await database.sql`select output from pgboss.job where id = ${id}`
    expect(row?.['output'].message).toMatch(/\.f/)
  })

  it('F40: getJob is null for an unknown id of any form, and for an unknown queue', async () => {
    const first = service()
    await first.add('known', 1)
    for (const id of [
      'k1',
      '',
      'a:b',
      '\u0000',
      "'; drop",
      '00000000-0000-4000-8000-000000000000',
      'x'.repeat(5_000),
    ]) {
      expect(await first.getJob('known', id)).toBeNull()
    }
    expect(await first.getJob('never-heard-of', 'k1')).toBeNull()
  })

  it.each(['', 'a b', 'a:b', 'a\u0000', 'ü', 'x'.repeat(201)])('refuses the queue name %j', async (name) => {
    const words = { code: 'INVALID_NAME', message: expect.stringContaining('not a queue name') }
    await expect(service().add(name, 1)).rejects.toMatchObject(words)
    await expect(service().getJob(name, 'x')).rejects.toMatchObject(words)
    await expect(service().consume(name, {}, async () => 1)).rejects.toMatchObject(words)
  })

  it('takes queue names with every allowed character', async () => {
    expect(await statusOf('a-Z_0.9/x', await service().add('a-Z_0.9/x', 1))).toBe('waiting')
  })

  it.each([
    { priority: 1.5 },
    { priority: 2 ** 40 },
    { attempts: 0 },
    { delay: -1 },
    { delay: NaN },
    { backoff: { type: 'fixed' as const, delay: -5 } },
    { removeOnComplete: { age: -1 } },
    { removeOnFail: { age: 0.5 } },
  ])('refuses the options %j', async (options) => {
    await expect(service().add('q', 1, options)).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  })

  it('F37: a jobId of any form is one job while it is known, from any process', async () => {
    for (const jobId of ['k1', '42', 'a:b:c', '', 'ü\u0000\ud800', '11111111-1111-4111-8111-111111111111']) {
      const first = service()
      expect(await first.add('once', { n: 1 }, { jobId })).toBe(jobId)
      expect(await service().add('once', { n: 2 }, { jobId })).toBe(jobId)
      expect(await Promise.all([first.add('once', 3, { jobId }), first.add('once', 4, { jobId })])).toEqual([
        jobId,
        jobId,
      ])
      expect(await service().getJob('once', jobId)).toMatchObject({ id: jobId, data: { n: 1 } })
      expect(await service().getJob('twice', jobId)).toBeNull()
    }
    const ids: string[] = []
    await service().consume('once', {}, async (job) => ids.push(job.id))
    await until('each ran', () => ids.length >= 6)
    expect(new Set(ids).size).toBe(6)
    // Finished, but known still.
    await service().add('once', { n: 5 }, { jobId: 'k1' })
    expect(await statusOf('once', 'k1')).toBe('completed')
  })

  it('F45: a job is unknown when its time is over, and its jobId free again', async () => {
    const first = service()
    const runs: unknown[] = []
    await first.consume('short', {}, async (job) => void runs.push(job.data))
    await first.add('short', 1, { jobId: 'a', removeOnComplete: { age: 0 } })
    await until('it is gone at once', async () => runs.length === 1 && (await first.getJob('short', 'a')) === null)
    await first.add('short', 2, { jobId: 'a', removeOnComplete: { age: 1 } })
    await until('it is completed', async () => (await statusOf('short', 'a')) === 'completed')
    const job = await first.getJob('short', 'a')
    await until('it is gone in a second', async () => (await first.getJob('short', 'a')) === null)
    expect(await job?.status()).toBe('unknown')
    await first.add('short', 3, { jobId: 'a' })
    await until('it ran again', () => runs.length === 3)
    expect(runs).toEqual([1, 2, 3])
  })

  it('F45: a failed job goes by its own age, and pg-boss has a term for every row', async () => {
    const first = service()
    await first.consume('failing', {}, () => Promise.reject(new Error('no')))
    const [gone, kept] = [{ removeOnFail: { age: 0 } }, { removeOnComplete: { age: 0 } }]
    await first.add('failing', 1, { jobId: 'gone', ...gone })
    await first.add('failing', 2, { jobId: 'kept', ...kept })
    await until('one is kept', async () => (await statusOf('failing', 'kept')) === 'failed')
    await until('one is gone', async () => (await statusOf('failing', 'gone')) === 'gone')
    const rows = await database.sql`select deletion_seconds from pgboss.job`
    expect(rows.every((row) => row['deletion_seconds'] > 0)).toBe(true)
  })

  it('holds a delayed job back, to the millisecond, and tells other processes when it is due', async () => {
    const consumer = service()
    let startedAt = 0
    await consumer.consume('later', {}, async () => (startedAt = performance.now()))
    const first = service()
    const addedAt = performance.now()
    const id = await first.add('later', 1, { delay: 1_200 })
    expect(await statusOf('later', id)).toBe('delayed')
    await until('it ran', () => startedAt > 0)
    expect(startedAt - addedAt).toBeGreaterThanOrEqual(1_199)
    // Far from the 5 s of the safety poll.
    expect(startedAt - addedAt).toBeLessThan(3_000)
  })

  it('tries again as often as attempts says, and tells the attempt', async () => {
    const first = service()
    const attempts: number[] = []
    await first.consume('flaky', {}, async (job) => {
      attempts.push(job.attempt)
      if (job.attempt < 3) throw new Error('not yet')
      return 'at last'
    })
    const id = await first.add('flaky', 1, { attempts: 4 })
    await until('it is completed', async () => (await statusOf('flaky', id)) === 'completed')
    expect(attempts).toEqual([1, 2, 3])
    expect((await first.getJob('flaky', id))?.result).toBe('at last')
  })

  it('has one attempt by default, and fails for good when they are used up', async () => {
    const first = service()
    let runs = 0
    await first.consume('hopeless', {}, () => Promise.reject(new Error(`no \u0000\ud800 ${++runs}`)))
    const [once, twice] = [await first.add('hopeless', 1), await first.add('hopeless', 2, { attempts: 2 })]
    await until('one has failed', async () => (await statusOf('hopeless', once)) === 'failed')
    await until('the other has failed', async () => (await statusOf('hopeless', twice)) === 'failed')
    expect(runs).toBe(3)
  })

  it('waits between attempts, at least as long as backoff says', async () => {
    const first = service()
    const times: number[] = []
    await first.consume('patient', {}, async () => {
      times.push(performance.now())
      throw new Error('no')
    })
    const id = await first.add('patient', 1, { attempts: 2, backoff: { type: 'fixed', delay: 700 } })
    await until('the first attempt failed', async () => (await statusOf('patient', id)) === 'delayed')
    await until('both attempts ran', () => times.length === 2)
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(700)
  })

  it('takes the higher priority first', async () => {
    const first = service()
    const order: unknown[] = []
    for (const priority of [1, 10, -5, 0]) await first.add('ranked', priority, { priority })
    await first.consume('ranked', { concurrency: 1 }, async (job) => void order.push(job.data))
    await until('all ran', () => order.length === 4)
    expect(order).toEqual([10, 1, 0, -5])
  })

  it('F35: every job of a batch is handled once and settled by its own outcome', async () => {
    const first = service()
    const ids = await Promise.all(Array.from({ length: 50 }, (_, i) => first.add('batch', i)))
    const runs: unknown[] = []
    await first.consume('batch', { concurrency: 20 }, async (job) => {
      runs.push(job.data)
      if (Number(job.data) % 5 === 0) throw new Error('every fifth')
      return Number(job.data) * 10
    })
    await until('all ran', () => runs.length >= 50)
    await until('all are settled', async () => {
      const open = await database.sql`select 1 from pgboss.job where state < 'completed'`
      return open.length === 0
    })
    expect(new Set(runs).size).toBe(50)
    expect(runs).toHaveLength(50)
    const jobs = await Promise.all(ids.map((id) => first.getJob('batch', id)))
    const expected = Array.from({ length: 50 }, (_, i) => (i % 5 === 0 ? undefined : i * 10))
    expect(jobs.map((job) => job?.result)).toEqual(expected)
  })

  it('F43: handles up to concurrency jobs at once, and a slow one holds up no other', async () => {
    const first = service()
    let release: (() => void) | undefined
    const slow = new Promise<void>((resolve) => (release = resolve))
    let [now, most, done] = [0, 0, 0]
    await first.consume('busy', { concurrency: 3 }, async (job) => {
      most = Math.max(most, ++now)
      await (job.data === 'slow' ? slow : sleep(5))
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

  it('F38: looks for the queue once per process, not per job', async () => {
    const boss = new PgBoss({ connectionString: database.url, schedule: false })
    let calls = 0
    const [getQueue, createQueue] = [boss.getQueue.bind(boss), boss.createQueue.bind(boss)]
    boss.getQueue = (name) => (calls++, getQueue(name))
    boss.createQueue = (name, options) => (calls++, createQueue(name, options))
    const first = new PgBossQueueService(boss, { logger })
    await Promise.all(Array.from({ length: 10 }, () => first.add('counted', 1)))
    await first.add('counted', 1)
    expect(calls).toBe(2)
    await first.close()
    await boss.stop({ graceful: false })
  })

  it('makes a queue again that somebody deleted', async () => {
    const boss = new PgBoss({ connectionString: database.url, schedule: false })
    const first = new PgBossQueueService(boss, { logger })
    const runs: unknown[] = []
    const consumer = await first.consume('deleted', {}, async (job) => void runs.push(job.data))
    await first.add('deleted', 1)
    await until('the first ran', () => runs.length === 1)
    await boss.deleteQueue('deleted')
    await until('adding works again', async () => {
      const added = await Promise.allSettled([first.add('deleted', 2, { jobId: 'second' })])
      return added[0].status === 'fulfilled'
    })
    await until('the second ran', () => runs.includes(2))
    await consumer.stop(0)
    await first.close()
    await boss.stop({ graceful: false })
  })

  it('starts a PgBoss that was passed in, and leaves it open', async () => {
    const boss = new PgBoss({ connectionString: database.url, schema: 'theirs', schedule: false })
    const first = new PgBossQueueService(boss, { logger })
    const id = await first.add('mine', 1)
    await first.close()
    await first.close()
    expect(await boss.getJobById('mine', id)).not.toBeNull()
    await boss.stop({ graceful: false })
    await database.sql`drop schema theirs cascade`
  })

  it('hands over a job that another program put into the queue with pg-boss, as its JSON', async () => {
    const boss = new PgBoss({ connectionString: database.url, schedule: false })
    const first = new PgBossQueueService(boss, { logger })
    await first.init()
    await boss.createQueue('foreign')
    const id = (await boss.send('foreign', { to: 'a@b.c' })) ?? ''
    const jobs: JobDelivery[] = []
    await first.consume('foreign', {}, async (job) => void jobs.push(job))
    await until('it is handled', () => jobs.length === 1)
    expect(jobs[0]).toMatchObject({ id, data: { to: 'a@b.c' } })
    await first.close()
    await boss.stop({ graceful: false })
  })

  it('goes on where prepared statements do not stay with their connection', async () => {
    const boss = new PgBoss({ connectionString: database.url, max: 1, schedule: false })
    const first = new PgBossQueueService(boss, { logger })
    await first.add('pooled', 1)
    // What a pooler in transaction mode amounts to: the server knows nothing of what was prepared.
    await boss.getDb().executeSql('deallocate all')
    const id = await first.add('pooled', 2)
    expect(await first.getJob('pooled', id)).toMatchObject({ data: 2 })
    await first.close()
    await boss.stop({ graceful: false })
  })

  it('refuses to be used after close', async () => {
    const first = service()
    await first.add('q', 1)
    await first.close()
    await expect(first.add('q', 1)).rejects.toThrow(/closed/)
    await expect(first.consume('q', {}, async () => 1)).rejects.toThrow(/closed/)
  })
})

import { NonRetryableError } from '@pikku/core/contract'
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

  it('starts where another process creates the schema at the same moment', async () => {
    let adding: Promise<string> | undefined
    await database.sql.begin(async (creator) => {
      await creator`create schema pgboss`
      adding = service().add('mail', 1)
      await until('it waits for the creator', async () => {
        const waiting = await database.sql`
          select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
        return waiting.length > 0
      })
    })
    expect(await adding).toEqual(expect.any(String))
  })

  it('closed, it takes nothing, also from a queue that it knows, and also what was asked for a moment before', async () => {
    const closed = { code: 'CONFIGURATION', message: expect.stringContaining('closed') }
    const queues = { orchestrator: 'o', worker: 'w' }
    const none = async (): Promise<void> => undefined
    const [after, during] = [service(), service()]
    for (const one of [after, during]) {
      await one.add('mail', 1)
      const answering = await one.doorbell(queues).answer({ run: 1, step: 1 }, none)
      await answering.stop()
    }
    await after.close()
    await expect(after.consume('mail', {}, none)).rejects.toMatchObject(closed)
    await expect(after.doorbell(queues).answer({ run: 1, step: 1 }, none)).rejects.toMatchObject(closed)

    const asked = [during.consume('mail', {}, none), during.doorbell(queues).answer({ run: 1, step: 1 }, none)]
    const ends = Promise.allSettled(asked)
    await during.close()
    for (const end of await ends) expect(end).toMatchObject({ status: 'rejected', reason: closed })
    expect(logger.lines.filter((line) => line.includes('could not fetch'))).toEqual([])
  })

  it('F45: pg-boss has a term for every row', async () => {
    for (const options of [{}, { removeOnComplete: { age: 0 } }, { removeOnFail: { age: 0 } }]) {
      await service().add('terms', 1, options)
    }
    const rows = await database.sql`select deletion_seconds from pgboss.job`
    expect(rows).toHaveLength(3)
    expect(rows.every((row) => row['deletion_seconds'] > 0)).toBe(true)
  })

  it('tells the end of a job to another process by notification, long before it would look by itself', async () => {
    const [first, second] = [service(), service()]
    await second.consume('told', {}, async (job) => job.data)
    const begun = performance.now()
    for (let i = 0; i < 20; i++) {
      const job = await first.getJob('told', await first.add('told', i))
      expect(await job?.waitForCompletion()).toBe(i)
    }
    // Looked for every half second at the soonest, that would be ten seconds.
    expect(performance.now() - begun).toBeLessThan(5_000)
  })

  it('keeps progress, discards and gives back in a schema of any name, that only the PgBoss knows', async () => {
    const boss = new PgBoss({ connectionString: database.url, schema: '"Their Jobs"', schedule: false })
    const first = new PgBossQueueService(boss, { logger })
    const seen: number[] = []
    const consumer = await first.consume('mine', {}, async (job) => {
      if (job.data === 'slow') return await new Promise(() => void seen.push(job.attempt))
      await job.updateProgress('half')
      throw new NonRetryableError('never')
    })
    const job = await first.getJob('mine', await first.add('mine', 1, { attempts: 3 }))
    await expect(job?.waitForCompletion()).rejects.toThrow('never')
    expect(await job?.metadata()).toMatchObject({ progress: 'half', attemptsMade: 1, attempts: 3 })
    const slow = await first.getJob('mine', await first.add('mine', 'slow'))
    await until('it is under way', () => seen.length === 1)
    await consumer.stop(0)
    expect(await slow?.status()).toBe('waiting')
    await first.close()
    await boss.stop({ graceful: false })
    await database.sql`drop schema "Their Jobs" cascade`
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
    await expect(jobs[0]?.updateProgress(1)).rejects.toThrow(/another program put it into the queue/)
    const job = await first.getJob('foreign', id)
    expect(await job?.metadata()).toMatchObject({ attempts: 3, progress: undefined })
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
})

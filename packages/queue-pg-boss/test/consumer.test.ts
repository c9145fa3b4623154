import { PgBoss } from 'pg-boss'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { PgBossQueueService } from '../src/index.ts'
import { createDatabase, RecordingLogger, until } from './support.ts'
import type { TestDatabase } from './support.ts'

describe('the life of a consumer', () => {
  let database: TestDatabase
  const services: PgBossQueueService[] = []

  beforeAll(async () => {
    database = await createDatabase()
  })
  afterEach(async () => {
    await Promise.all(services.splice(0).map((service) => service.close()))
    await database.sql`drop schema if exists pgboss cascade`
  })
  afterAll(() => database.drop())

  function service(): PgBossQueueService {
    const made = new PgBossQueueService(database.url, { logger: new RecordingLogger() })
    services.push(made)
    return made
  }

  it('a worker that lost its job writes nothing about it and is told', async () => {
    const first = service()
    let release: ((value: string) => void) | undefined
    const logger = new RecordingLogger()
    const stale = new PgBossQueueService(database.url, { logger })
    services.push(stale)
    await stale.consume('fenced', {}, () => new Promise((resolve) => (release = resolve)))
    const id = await first.add('fenced', 1, { attempts: 3 })
    await until('it is under way', () => release !== undefined)
    // What supervision does when heartbeats stay away, and what the next worker's fetch does then.
    await database.sql`update pgboss.job set retry_count = 1, started_on = now() where id = ${id}`
    release?.('stale')
    await until('it hears of it', () => logger.lines.some((line) => line.includes('was taken over')))
    const job = await first.getJob('fenced', id)
    expect([await job?.status(), job?.result]).toEqual(['active', undefined])
  })

  it('shows a sign of life for the jobs under way, and hears when one was taken over', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] })
    try {
      const first = service()
      let signal: AbortSignal | undefined
      await first.consume('long', {}, (job) => {
        signal = job.signal
        return new Promise(() => undefined)
      })
      const id = await first.add('long', 1, { attempts: 2 })
      await until('it is under way', () => signal !== undefined)
      await database.sql`update pgboss.job set heartbeat_on = now() - interval '1 hour' where id = ${id}`
      vi.advanceTimersByTime(10_000)
      await until('it showed a sign of life', async () => {
        const rows = await database.sql`select 1 from pgboss.job where heartbeat_on > now() - interval '1 minute'`
        return rows.length === 1
      })
      expect(signal?.aborted).toBe(false)
      await database.sql`update pgboss.job set retry_count = 1, started_on = now() where id = ${id}`
      vi.advanceTimersByTime(10_000)
      await until('it hears of it', () => signal?.aborted === true)
    } finally {
      vi.useRealTimers()
    }
  })

  it('the job of a worker that died is tried again, if it has attempts left', async () => {
    const boss = new PgBoss({ connectionString: database.url, schedule: false })
    const first = new PgBossQueueService(boss, { logger: new RecordingLogger() })
    const again = await first.add('orphan', 'again', { attempts: 2 })
    const once = await first.add('orphan', 'once')
    // A worker that fetches and is never heard of again.
    await boss.fetch('orphan', { batchSize: 2 })
    await database.sql`update pgboss.job set heartbeat_on = now() - interval '1 hour'`
    await boss.supervise('orphan')
    const attempts: number[] = []
    await first.consume('orphan', {}, async (job) => void attempts.push(job.attempt))
    await until('one is completed', async () => (await (await first.getJob('orphan', again))?.status()) === 'completed')
    expect(await (await first.getJob('orphan', once))?.status()).toBe('failed')
    expect(attempts).toEqual([2])
    await first.close()
    await boss.stop({ graceful: false })
  })
})

import { defineEngineTests, defineQueueServiceTests } from '@pikku/core/testing'
import { openPgStore } from '@pikku/pg'
import { findPgBouncer, startPgBouncer, withoutPgBouncer, type PgBouncer } from '@pikku/tooling/pgbouncer'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { PgBossQueueService } from '../src/index.ts'
import { differences } from './differences.ts'
import { openBossWorld, quiet, type WorldStores } from './engine-world.ts'
import { createDatabase, RecordingLogger, runItem, until, type TestDatabase } from './support.ts'

const queues = { orchestrator: 'orchestrator', worker: 'step-worker' }
const isLong = process.env['LANE'] === 'slow'

/** Deaths and restarts are of the server behind it. */
function withoutDeaths(name: string, body: () => void): void {
  const isOfServer = ['a worker that died', 'server restart'].includes(name)
  const group = isOfServer ? describe.skip : describe
  group(isOfServer ? `${name} (skipped: of the server behind the pooler)` : name, body)
}

describe.skipIf(!findPgBouncer())(`pg-boss behind PgBouncer in transaction mode${withoutPgBouncer}`, () => {
  let database: TestDatabase
  let bouncer: PgBouncer
  beforeAll(async () => {
    database = await createDatabase()
    bouncer = await startPgBouncer(database.url, { poolSize: 20 })
  }, 60_000)
  afterAll(async () => {
    await bouncer?.stop()
    await database.drop()
  })

  it('says once that it polls, and every ring and every queued value arrives', { timeout: 60_000 }, async () => {
    const logger = new RecordingLogger()
    // pg-boss looks every ten seconds whether it still listens; here every half second.
    const options = { connectionString: bouncer.url, notifyHeartbeatIntervalMs: 500 }
    const [first, second] = [1, 2].map(() => new PgBossQueueService(options, { logger }))
    if (!first || !second) throw new Error('there are two')
    const heard: string[] = []
    const mails: unknown[] = []
    await second.doorbell(queues).answer({ run: 50, step: 5 }, async (item) => void heard.push(item.runId))
    await second.consume('mail', { concurrency: 5 }, async (job) => void mails.push(job.data))
    await until('it says so', () => logger.lines.some((line) => line.includes('LISTEN does not work')))
    for (let i = 0; i < 5; i += 1) {
      await first.doorbell(queues).ring([runItem(`run ${i}`)])
      await until('it is heard soon', () => heard.includes(`run ${i}`), 3_000)
    }
    await Promise.all(Array.from({ length: 50 }, (_, i) => first.add('mail', i)))
    await until('all are taken', () => mails.length === 50)
    expect(new Set(mails).size).toBe(50)
    await until('pg-boss has noticed it too', () => logger.lines.some((line) => line.includes('registration was lost')))
    expect(logger.lines.filter((line) => line.startsWith('error'))).toEqual([])
    expect(logger.lines.filter((line) => line.includes('LISTEN does not work'))).toHaveLength(1)
    await Promise.all([first.close(), second.close()])
  })

  if (isLong) {
    defineQueueServiceTests({
      name: 'pg-boss through PgBouncer',
      runner: {
        describe: withoutDeaths,
        test: (title, body) => test(title, { timeout: 60_000 }, body),
      },
      open: () => {
        const services = new Set<PgBossQueueService>()
        return Promise.resolve({
          process: () => {
            const service = new PgBossQueueService(bouncer.url, { logger: new RecordingLogger() })
            services.add(service)
            return Promise.resolve(service)
          },
          dispose: async () => {
            await Promise.all([...services].map((service) => service.close()))
          },
        })
      },
      differences,
    })

    const stores = (schema: string): WorldStores => ({
      open: () => openPgStore(bouncer.url, schema, { leaseMs: 2_000, logger: quiet, prepare: false }),
      remove: () => database.sql.unsafe(`drop schema if exists ${schema} cascade`),
    })
    defineEngineTests({
      name: 'PostgreSQL and pg-boss through PgBouncer',
      // What is pushed at once elsewhere is polled here, and a process takes two seconds to find that out.
      runner: {
        describe,
        test: (title, body) => title.startsWith('killed while asleep') || test(title, { timeout: 120_000 }, body),
      },
      groups: [
        ...['steps', 'retries', 'promises', 'cancel', 'start', 'values', 'deploys', 'crashes', 'several processes'],
        ...['crash points', 'load', 'stop', 'observe', 'chaos'],
      ],
      open: () => openBossWorld(bouncer.url, stores),
      everyCrashPoint: 40,
      crashPointWorlds: 2,
    })
  }
})

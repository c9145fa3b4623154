import { once } from 'node:events'
import net from 'node:net'
import { startFreshPostgres } from '@pikku/tooling/postgres'
import type { PostgresServer } from '@pikku/tooling/postgres'
import { PgBoss } from 'pg-boss'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PgBossQueueService } from '../src/index.ts'
import { createDatabase, openFreezer, RecordingLogger, runItem, until } from './support.ts'
import type { TestDatabase } from './support.ts'

const queues = { orchestrator: 'orchestrator', worker: 'step-worker' }

describe('F44: when the server goes away', () => {
  let server: PostgresServer

  beforeAll(async () => {
    server = await startFreshPostgres()
  }, 60_000)
  afterAll(() => server.dispose())

  it(
    'doorbell and queues go on after it came back, and nothing that was added is lost',
    { timeout: 60_000 },
    async () => {
      const logger = new RecordingLogger()
      const [first, second] = [
        new PgBossQueueService(server.url, { logger }),
        new PgBossQueueService(server.url, { logger }),
      ]
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
      await server.start()

      await until('a ring is taken', () => succeeds(() => doorbell.ring([runItem('after')])))
      await until('a job is taken', () => succeeds(() => first.add('mail', 'after', { jobId: 'after' })))
      await until('both arrive', () => heard.includes('after') && mails.includes('after'), 30_000)
      await until('the delayed one arrives', () => mails.includes('across'), 30_000)
      await until('its result is stored', async () => {
        return (await (await first.getJob('mail', late))?.status()) === 'completed'
      })
      expect(mails.filter((mail) => mail === 'across')).toHaveLength(1)
      await Promise.all([first.close(), second.close()])
    },
  )

  it('a job that was under way is settled once the server is back', { timeout: 60_000 }, async () => {
    const logger = new RecordingLogger()
    const service = new PgBossQueueService(server.url, { logger })
    let release: ((value: string) => void) | undefined
    await service.consume('slow', {}, () => new Promise((resolve) => (release = resolve)))
    const id = await service.add('slow', 1)
    await until('it is under way', () => release !== undefined)
    await server.kill()
    release?.('kept')
    await server.start()
    await until('its result is there', async () => {
      const job = await service.getJob('slow', id).catch(() => null) // not back yet
      return job?.result === 'kept'
    })
    // Words only: what pg throws may hold its client, and that the password.
    expect(logger.lines.some((line) => line.includes('could not settle'))).toBe(true)
    expect(logger.details).toEqual([])
    await service.close()
  })

  it('a service whose server is down fails its calls and works when it is there', { timeout: 60_000 }, async () => {
    const service = new PgBossQueueService(server.url, { logger: new RecordingLogger() })
    await server.kill()
    await expect(service.init()).rejects.toThrow()
    await server.start()
    await until('it starts', () => succeeds(() => service.add('mail', 1)))
    await service.close()
  })
})

// It waits ten seconds for each connection that says nothing any more.
it.runIf(process.env['LANE'] === 'slow')(
  'F44: a job whose connection goes dead without a word is settled on another one (LANE=slow)',
  { timeout: 150_000 },
  async () => {
    const database = await createDatabase()
    const freezer = await openFreezer(database.url)
    const logger = new RecordingLogger()
    const service = new PgBossQueueService({ connectionString: freezer.url, max: 2 }, { logger })
    let release: ((value: string) => void) | undefined
    await service.consume('slow', {}, () => new Promise((resolve) => (release = resolve)))
    const id = await service.add('slow', 1)
    await until('it is under way', () => release !== undefined)
    freezer.freeze()
    const since = performance.now()
    release?.('kept')
    const rows = () => database.sql`select 1 from pgboss.job where id = ${id} and state = 'completed'`
    await until('its result is there', async () => (await rows()).length === 1, 100_000)
    console.log(`settled ${Math.round(performance.now() - since)} ms after its connections went dead`)
    freezer.close()
    await service.close()
    await database.drop()
  },
)

it.runIf(process.env['LANE'] === 'slow')(
  'F44: closing ends while the server says nothing, and leaves no connection (LANE=slow)',
  { timeout: 60_000 },
  async () => {
    const database = await createDatabase()
    const freezer = await openFreezer(database.url)
    const service = new PgBossQueueService(freezer.url, { logger: new RecordingLogger() })
    const heard: string[] = []
    const doorbell = service.doorbell(queues)
    await doorbell.answer({ run: 5, step: 5 }, async (item) => void heard.push(item.runId))
    await service.consume('mail', {}, () => new Promise(() => undefined))
    await service.add('mail', 1)
    await doorbell.ring([runItem('before')])
    await until('it is heard', () => heard.length > 0)
    freezer.freeze()
    const since = performance.now()
    await service.close()
    expect(performance.now() - since).toBeLessThan(15_000)
    await until('no connection is left', () => freezer.clients() === 0)
    freezer.close()
    await database.drop()
  },
)

// It waits twice ten seconds.
describe.runIf(process.env['LANE'] === 'slow')(
  'F44: a host that accepts connections and says nothing (LANE=slow)',
  () => {
    it('is given up after ten seconds, and tried again by the next call', { timeout: 60_000 }, async () => {
      const sockets = new Set<net.Socket>()
      const silent = net.createServer((socket) => void sockets.add(socket.on('error', () => undefined).resume()))
      silent.listen(0, '127.0.0.1')
      await once(silent, 'listening')
      const { port } = silent.address() as net.AddressInfo
      const logger = new RecordingLogger()
      const service = new PgBossQueueService(`postgres://somebody:s3cr3t@127.0.0.1:${port}/app`, { logger })
      const since = performance.now()
      const failures = await Promise.allSettled([service.init(), service.add('mail', 1)])
      expect(performance.now() - since).toBeLessThan(25_000)
      for (const failure of failures) {
        expect(failure).toMatchObject({ status: 'rejected', reason: { code: 'STORE_UNAVAILABLE' } })
        expect(String((failure as PromiseRejectedResult).reason)).not.toContain('s3cr3t')
      }
      await service.close()
      for (const socket of sockets) socket.destroy()
      silent.close()
    })
  },
)

describe('F44: when LISTEN is gone', () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await createDatabase()
  })
  afterAll(() => database.drop())

  it('what is rung by a process that cannot notify is found by the safety poll', async () => {
    const consumer = service()
    const heard = await listen(consumer)
    const data = { kind: 'run', runId: 'silent', workflow: 'w' }
    await database.sql`insert into pgboss.job (name, data) values (${queues.orchestrator}, ${database.sql.json(data)})`
    await until('it is heard', () => heard.includes('silent'))
    await consumer.close()
  })

  it('a killed LISTEN connection is made again, and what was rung meanwhile is heard', async () => {
    const [consumer, producer] = [service(), service()]
    const heard = await listen(consumer)
    await until('LISTEN works', async () => (await listeners()) === 1)
    await database.sql`select pg_terminate_backend(pid) from pg_stat_activity where query like 'LISTEN%'`
    await producer.doorbell(queues).ring([runItem('meanwhile')])
    await until('it is heard', () => heard.includes('meanwhile'))
    await until('it listens again', async () => (await listeners()) === 1)
    await producer.doorbell(queues).ring([runItem('after')])
    await until('it is heard', () => heard.includes('after'))
    await Promise.all([consumer.close(), producer.close()])
  })

  it('A27: when no echo comes back it says so once and polls every half second', async () => {
    const logger = new RecordingLogger()
    const boss = new PgBoss({ connectionString: database.url, schedule: false })
    // As behind a pooler in transaction mode: LISTEN succeeds, and nothing ever comes.
    boss.getDb().listen = async (_channel, _onNotification, onReconnect) => {
      onReconnect()
      return { close: async () => undefined }
    }
    const [consumer, producer] = [new PgBossQueueService(boss, { logger }), service()]
    const heard = await listen(consumer)
    const said = (): string[] => logger.lines.filter((line) => line.includes('LISTEN does not work'))
    await until('it says so', () => said().length > 0)
    for (let i = 0; i < 6; i++) {
      await producer.doorbell(queues).ring([runItem(`polled-${i}`)])
      // A poll that had backed off would take up to 5 s.
      await until('it is heard soon', () => heard.includes(`polled-${i}`), 2_000)
    }
    expect(said()).toHaveLength(1)
    await Promise.all([consumer.close(), producer.close()])
    await boss.stop({ graceful: false })
  })

  function service(): PgBossQueueService {
    return new PgBossQueueService(database.url, { logger: new RecordingLogger() })
  }
  async function listen(consumer: PgBossQueueService): Promise<string[]> {
    const heard: string[] = []
    await consumer.doorbell(queues).answer({ run: 5, step: 0 }, async (item) => void heard.push(item.runId))
    return heard
  }
  async function listeners(): Promise<number> {
    const rows = await database.sql`
      select 1 from pg_stat_activity where datname = current_database() and query like 'LISTEN%'`
    return rows.length
  }
})

async function succeeds(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call()
    return true
  } catch {
    return false // the server is away: the caller asks again
  }
}

import { randomUUID } from 'node:crypto'
import dns from 'node:dns'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startFreshPostgres, type PostgresServer } from '@pikku/tooling/postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Driver } from '../src/driver.ts'
import { openPgStore, PgWorkflowService } from '../src/index.ts'
import { freshSchema, openSql, quiet, until } from './pg-harness.ts'
import { registryOf } from './support/app.ts'
import { claimed, inline, turn } from './support/given.ts'
import { connectionsLane } from './support/lane.ts'
import { openProxy, type PgProxy } from './support/pg-proxy.ts'

/*
 * The other end is there and says nothing, or nothing good: frozen, cut off without a word, starting, full, under another
 * certificate. Nothing waits longer than documented, and nothing is done twice. What takes long is run with LANE=slow.
 */

const { isLong } = connectionsLane(1)

let server: PostgresServer
let proxy: PgProxy
let closing: (() => Promise<unknown>)[]

beforeAll(async () => {
  server = await startFreshPostgres({
    settings: { max_connections: '40', unix_socket_directories: '/tmp' },
  })
  proxy = await openProxy(server.url)
}, 60_000)
afterAll(async () => {
  await proxy.close()
  await server.dispose()
})
beforeEach(() => {
  closing = []
})
afterEach(async () => {
  for (const close of closing.reverse()) await close()
}, 30_000)

const entered: string[] = []
const registry = registryOf({
  workflows: {
    mixed: async ({ workflow }) => {
      for (let i = 0; i < 20; i += 1) {
        await workflow.do(`inline ${i}`, () => entered.push(`${workflow.runId} inline ${i}`))
        await workflow.do(`rpc ${i}`, 'note', `${workflow.runId} rpc ${i}`)
      }
      return 'done'
    },
  },
  functions: { note: (_services, data) => entered.push(String(data)) },
})

function open(url: string, schema: string, leaseMs = 2_000): PgWorkflowService {
  const service = new PgWorkflowService(url, undefined, schema, { leaseMs, timing: { sweepMs: 200 } })
  closing.push(() => service.close({ graceMs: 0 }))
  service.bind({ workflowService: service, logger: quiet }, registry)
  return service
}

async function took(act: () => Promise<unknown>): Promise<number> {
  const since = performance.now()
  await act()
  return performance.now() - since
}

/** The server's own processes, all of them. */
function pidsOf(): number[] {
  const sql = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const main = mainPid()
  return [main, ...sql.map(Number).filter((pid) => parentOf(pid) === main)]
}

function mainPid(): number {
  const data = path.join(path.dirname(server.log), 'data/postmaster.pid')
  return Number(fs.readFileSync(data, 'utf8').split('\n')[0])
}

function parentOf(pid: number): number {
  try {
    return Number(/^\d+ \(.*\) \S (\d+)/s.exec(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1])
  } catch {
    return 0 // It has ended.
  }
}

function signal(pids: readonly number[], name: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

if (isLong)
  describe('a server that freezes', () => {
    it(
      'as a whole, for longer than the lease: calls end in time, runs go on, each step has one result',
      { timeout: 90_000 },
      async () => {
        const schema = freshSchema()
        const services = [open(server.url, schema), open(server.url, schema)]
        await Promise.all(services.map((service) => service.init()))
        const runIds = Array.from({ length: 10 }, () => randomUUID())
        const before = entered.length
        const started = runIds.map((runId, at) =>
          (services[at % 2] as PgWorkflowService).startRun('mixed', null, { runId }).catch((error: unknown) => error),
        )
        await until(() => entered.length > before + 20)
        const frozen = pidsOf()
        signal(frozen, 'SIGSTOP')
        const asked = took(() =>
          (services[0] as PgWorkflowService).getRun(runIds[0] ?? '').catch((error: unknown) => error),
        )
        await delay(6_000)
        signal(frozen, 'SIGCONT')
        // An answer is waited for 5 s and asked for again for 10 s.
        expect(await asked).toBeLessThan(16_000)
        await Promise.all(started)
        const sql = openSql(1, server.url)
        closing.push(() => sql.end())
        for (const runId of runIds) {
          expect(await (services[0] as PgWorkflowService).waitForRun(runId, { timeout: 60_000 })).toBe('done')
        }
        const [steps] = await sql.unsafe(
          `select count(*)::int as steps, count(distinct (run_id, settled_seq))::int as places from "${schema}".workflow_step`,
        )
        expect(steps).toEqual({ steps: 400, places: 400 })
      },
    )

    it('swallows what is sent on open connections too, for a while: runs go on', { timeout: 90_000 }, async () => {
      const schema = freshSchema()
      const service = open(proxy.url, schema)
      await service.init()
      const runId = randomUUID()
      const before = entered.length
      const started = service.startRun('mixed', null, { runId })
      await until(() => entered.length > before + 4)
      proxy.freeze()
      proxy.swallowing = true
      const since = performance.now()
      await delay(3_000)
      proxy.swallowing = false
      await started
      expect(await service.waitForRun(runId, { timeout: 60_000 })).toBe('done')
      console.log(`connections that went dead for 3 s: the run ended ${Math.round(performance.now() - since)} ms after`)
      expect(performance.now() - since).toBeLessThan(30_000)
      const mine = entered.filter((entry) => entry.startsWith(runId))
      expect(new Set(mine).size).toBe(40)
    })

    it('in one of its processes: the neighbours go on', { timeout: 60_000 }, async () => {
      const schema = freshSchema()
      const ports = openPgStore(server.url, schema, { leaseMs: 2_000, logger: quiet })
      closing.push(() => ports.store.close())
      const { lease } = await claimed(ports.store, 'a')
      const sql = openSql(1, server.url)
      closing.push(() => sql.end())
      const rows =
        await sql`select pid from pg_stat_activity where query like ${'%commitRun%'} or query like ${`%${schema}%`} and state = 'idle'`
      const pids = rows.map(({ pid }) => Number(pid)).filter((pid) => pid !== mainPid())
      expect(pids.length).toBeGreaterThan(0)
      signal(pids, 'SIGSTOP')
      closing.push(async () => signal(pids, 'SIGCONT'))
      const ms = await took(() => ports.store.commitRun(lease, turn({ record: [inline('once')] })))
      console.log(`a commit whose server process was frozen: answered after ${Math.round(ms)} ms`)
      expect(ms).toBeLessThan(11_000)
      signal(pids, 'SIGCONT')
      // What the frozen one still had to do finds it done.
      await delay(300)
      expect(await ports.reader.listSteps('a')).toHaveLength(1)
    })

    it(
      'closing while it is frozen takes as long as an outage is waited for, and leaves nothing that keeps the process alive',
      { timeout: 60_000 },
      async () => {
        const schema = freshSchema()
        const service = open(server.url, schema)
        await service.init()
        await service.getRun('x')
        const frozen = pidsOf()
        signal(frozen, 'SIGSTOP')
        closing.push(async () => signal(frozen, 'SIGCONT'))
        const sockets = () => process.getActiveResourcesInfo().filter((kind) => /TCP/.test(kind)).length
        const open_ = sockets()
        expect(open_).toBeGreaterThan(0)
        expect(await took(() => service.close({ graceMs: 0 }))).toBeLessThan(15_000)
        await until(() => sockets() < open_)
        signal(frozen, 'SIGCONT')
      },
    )
  })

describe('a server that is not there, or not yet', () => {
  it('swallows what it is sent: the call ends, and nothing is left behind', { timeout: 60_000 }, async () => {
    const service = open(proxy.url, freshSchema())
    proxy.swallowing = true
    closing.push(async () => void (proxy.swallowing = false))
    await expect(service.init()).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('no answer from'),
    })
    proxy.swallowing = false
    proxy.cut()
    await service.init()
  })

  it(
    'swallows what it is sent: closing does not wait for it, and calls end with that',
    { timeout: 60_000 },
    async () => {
      // An answer is waited for as long as a lease.
      const { store, reader } = openPgStore(proxy.url, freshSchema(), { leaseMs: 40_000, logger: quiet })
      proxy.swallowing = true
      closing.push(async () => {
        proxy.swallowing = false
        proxy.cut()
      })
      const asked = reader.getRun('x').catch((error: unknown) => error)
      await until(() => proxy.swallowed > 0)
      expect(await took(() => store.close())).toBeLessThan(5_000)
      expect(await took(async () => expect(await asked).toMatchObject({ code: 'STORE_UNAVAILABLE' }))).toBeLessThan(
        1_000,
      )
      await until(() => proxy.swallowed === 0)
    },
  )

  it('is closed: nothing is opened any more, by whatever is asked', { timeout: 60_000 }, async () => {
    const { store, reader, notices } = openPgStore(proxy.url, freshSchema(), { leaseMs: 2_000, logger: quiet })
    const { lease } = await claimed(store, 'a')
    await store.close()
    const before = proxy.opened
    const closed = { code: 'STORE_UNAVAILABLE', message: expect.stringContaining('closed') }
    await expect(store.renewLeases([lease], 2_000)).rejects.toMatchObject(closed)
    await expect(store.enlist('somebody')).rejects.toMatchObject(closed)
    await expect(reader.getRun('a')).rejects.toMatchObject(closed)
    await notices.subscribe({ onChanged: () => undefined, onMissed: () => undefined })
    const never = openPgStore(proxy.url, freshSchema(), { leaseMs: 2_000, logger: quiet })
    await never.store.close()
    await expect(never.reader.getRun('a')).rejects.toMatchObject(closed)
    expect(proxy.opened).toBe(before)
  })

  it.each([
    ['57P03', 'the database system is starting up'],
    ['53300', 'sorry, too many clients already'],
  ])(
    '%s %s: init() says so at once, a call under way goes on when it is over',
    { timeout: 60_000 },
    async (code, message) => {
      const schema = freshSchema()
      const service = open(proxy.url, schema)
      proxy.fatal = { code, message }
      closing.push(async () => void (proxy.fatal = undefined))
      expect(
        await took(() =>
          expect(service.init()).rejects.toMatchObject({
            code: 'STORE_UNAVAILABLE',
            message: expect.stringContaining(message),
          }),
        ),
      ).toBeLessThan(1_500)
      const started = service.startRun('mixed', null)
      await delay(500)
      proxy.fatal = undefined
      const { runId } = await started
      expect(await service.waitForRun(runId, { timeout: 30_000 })).toBe('done')
    },
  )

  it.each([
    ['28P01', 'password authentication failed for user "x"'],
    ['3D000', 'database "x" does not exist'],
  ])('%s %s: is no outage, and ends a call at once', async (code, message) => {
    const service = open(proxy.url, freshSchema())
    proxy.fatal = { code, message }
    closing.push(async () => void (proxy.fatal = undefined))
    expect(
      await took(() =>
        expect(service.startRun('mixed', null)).rejects.toMatchObject({
          code: 'STORE_UNAVAILABLE',
          message: expect.stringContaining(message),
        }),
      ),
    ).toBeLessThan(1_500)
  })

  it(
    'comes up later than the process: init() fails at once, and works when asked again',
    { timeout: 60_000 },
    async () => {
      const service = open(proxy.url, freshSchema())
      await proxy.close()
      expect(
        await took(() => expect(service.init()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })),
      ).toBeLessThan(1_500)
      // What is asked of it meanwhile waits ten seconds.
      const started = service.startRun('mixed', null)
      await delay(700)
      await proxy.reopen()
      await service.init()
      const { runId } = await started
      expect(await service.waitForRun(runId, { timeout: 30_000 })).toBe('done')
    },
  )
})

describe('other ways to the server', () => {
  const withHost = (host: string, query = ''): string => {
    const { username, password, port } = new URL(server.url)
    return `postgres://${username}:${password}@${host}:${port}/postgres${query}`
  }

  it.each([
    ['a name with two addresses, of which one answers', () => withHost('localhost')],
    ['a unix socket, as ?host=', () => `${withHost('localhost', '?host=/tmp')}&port=${server.port}`],
    ['a unix socket, as the host', () => withHost('%2Ftmp')],
  ])('%s', { timeout: 30_000 }, async (_name, url) => {
    const service = open(url(), freshSchema())
    await service.init()
    const { runId } = await service.startRun('mixed', null)
    expect(await service.waitForRun(runId)).toBe('done')
  })

  // 127.0.0.2 is this machine too on Linux, and nowhere else.
  it.runIf(process.platform === 'linux')(
    'a name that leads elsewhere from now on (on Linux)',
    { timeout: 30_000 },
    async () => {
      const { lookup } = dns
      let address = '127.0.0.1'
      const known = (...[name, options, told]: [string, { all?: boolean }, (...found: unknown[]) => void]): void => {
        if (name !== 'db.test') return (lookup as (...args: unknown[]) => void)(name, options, told)
        if (options.all) told(null, [{ address, family: 4 }])
        else told(null, address, 4)
      }
      dns.lookup = known as never
      closing.push(async () => void (dns.lookup = lookup))
      const { port } = new URL(proxy.url)
      const elsewhere = net.createServer((client) => {
        const upstream = net.connect(server.port, '127.0.0.1')
        client.on('error', () => upstream.destroy()).pipe(upstream)
        upstream.on('error', () => client.destroy()).pipe(client)
      })
      elsewhere.listen(Number(port), '127.0.0.2')
      await once(elsewhere, 'listening')
      closing.unshift(async () => void elsewhere.close())
      const { username, password } = new URL(server.url)
      const url = `postgres://${username}:${password}@db.test:${port}/postgres`
      const driver = new Driver(url, { logger: quiet, userTimeoutMs: 1_000, answerTimeoutMs: 5_000 })
      closing.unshift(() => driver.close())
      const pool = driver.pool({ max: 1 })
      const one = () => pool.query({ name: 'test', text: 'select $1::int as one' }, [1])
      const before = proxy.opened
      expect(await one()).toEqual([{ one: 1 }])
      const opened = proxy.opened
      expect(opened).toBeGreaterThan(before)
      address = '127.0.0.2'
      proxy.cut()
      expect(await one().catch(one)).toEqual([{ one: 1 }])
      expect(proxy.opened).toBe(opened)
    },
  )

  it('a server without TLS: prefer does without, require says so', { timeout: 30_000 }, async () => {
    await open(`${server.url}?sslmode=prefer`, freshSchema()).init()
    await open(`${server.url}?sslmode=disable`, freshSchema()).init()
    await expect(open(`${server.url}?sslmode=require`, freshSchema()).init()).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/TLS|SSL/),
    })
  })
})

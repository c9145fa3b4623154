import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import type { Worker } from 'node:worker_threads'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { WorkflowEvent } from '@pikku/core/contract'
import { openPgStore, PgWorkflowService, type Connection, type PgWorkflowServiceOptions } from '../src/index.ts'
import { openSchema } from '../src/schema.ts'
import { databaseUrl, freshSchema, openPg, quiet, until, type PgHarness } from './pg-harness.ts'
import { registryOf } from './support/app.ts'
import { claimed, newRun } from './support/given.ts'
import { openProxy, type PgProxy } from './support/pg-proxy.ts'

let proxy: PgProxy
let pg: PgHarness
let closing: (() => Promise<unknown>)[]

beforeEach(async () => {
  proxy = await openProxy(databaseUrl())
  pg = await openPg()
  closing = []
})

afterEach(async () => {
  for (const close of closing.toReversed()) await close()
  await pg.dispose()
  await proxy.close()
})

const entered: string[] = []
let release: () => void = () => undefined
let released: Promise<void> = Promise.resolve()
function holdSteps(): void {
  released = new Promise((resolve) => (release = resolve))
}

const registry = registryOf({
  workflows: {
    mixed: async ({ workflow }, steps) => {
      let sum = 0
      for (let at = 0; at < Number(steps); at += 1) {
        sum += Number(await workflow.do(`inline ${at}`, () => 1))
        sum += Number(await workflow.do(`rpc ${at}`, 'one'))
      }
      const all = Array.from({ length: Number(steps) }, (_, at) => workflow.do(`together ${at}`, 'one'))
      return sum + (await Promise.all(all)).length
    },
    waits: ({ workflow }) =>
      workflow.do('the step', async () => {
        entered.push(workflow.runId)
        await released
        return 'done'
      }),
  },
  functions: { one: () => 1 },
})

function open(connection: Connection, options: PgWorkflowServiceOptions = {}): PgWorkflowService {
  const service = new PgWorkflowService(connection, undefined, pg.schema, options)
  closing.push(() => service.close({ graceMs: 0 }))
  service.bind({ workflowService: service, logger: quiet }, registry)
  return service
}

async function outputOf(service: PgWorkflowService, workflow: string, input?: unknown): Promise<unknown> {
  const { runId } = await service.startRun(workflow, input)
  return service.waitForRun(runId, { timeout: 60_000 })
}

/** Options of connections that can be told apart at the server. */
function labelled(): { application: string; options: postgres.Options<Record<string, never>> } {
  const application = `pools ${randomUUID()}`
  const { hostname, port, username, password, pathname } = new URL(databaseUrl())
  const where = { host: hostname, port: Number(port), database: pathname.slice(1) }
  const who = { username: decodeURIComponent(username), password: decodeURIComponent(password) }
  return { application, options: { ...where, ...who, connection: { application_name: application } } }
}

async function pidsOf(application: string): Promise<number[]> {
  const rows = await pg.sql.unsafe('select pid from pg_stat_activity where application_name = $1', [application])
  return rows.map(({ pid }) => pid as number)
}

async function refuses(host: string, port: number): Promise<void> {
  const url = `postgres://somebody:s3cr3t@${host}:${port}/app`
  const service = new PgWorkflowService(url, undefined, freshSchema())
  closing.push(() => service.close())
  const refusals = await Promise.allSettled([
    service.init(),
    service.getRun('x'),
    service.deleteRuns({ finishedBefore: new Date() }),
  ])
  for (const refusal of refusals) {
    expect(refusal).toMatchObject({
      status: 'rejected',
      reason: { name: 'StoreUnavailableError', code: 'STORE_UNAVAILABLE' },
    })
    const { reason } = refusal as PromiseRejectedResult
    expect((reason as Error).message).toContain(`${host}:${port}/app`)
    expect(inspect(reason, { depth: 20, showHidden: true })).not.toContain('s3cr3t')
  }
}

describe('connections and pools', () => {
  it('prepare: false leaves nothing behind at the server', async () => {
    const service = open(proxy.url, { prepare: false })
    expect(await outputOf(service, 'mixed', 3)).toBe(9)
    expect(proxy.parsed).toBeGreaterThan(20)
    expect(proxy.named).toBe(0)
    const statements = proxy.executed.length
    console.log(`prepare: false: ${statements} statements took ${proxy.roundTrips} round trips`)
  })

  it('F39: an open sql of the app gives its options, and is left open', async () => {
    const sql = postgres(databaseUrl(), { max: 1 })
    closing.push(() => sql.end())
    await sql`select 1`
    const service = open(sql)
    expect(await outputOf(service, 'mixed', 2)).toBe(6)
    await service.close()
    expect(await sql`select 1 as one`).toMatchObject([{ one: 1 }])
  })

  it('A29: the pool of the app has no connection free, and leases are renewed all the same', async () => {
    const sql = postgres(databaseUrl(), { max: 2 })
    closing.push(() => sql.end({ timeout: 1 }))
    const events: WorkflowEvent[] = []
    const observer = { onEvent: (event: WorkflowEvent) => events.push(event) }
    const service = open(sql, { leaseMs: 1_000, observer, timing: { sweepMs: 100 } })
    const other = open(databaseUrl(), { leaseMs: 1_000, timing: { sweepMs: 100 } })
    await outputOf(other, 'mixed', 1)
    let endTransactions: () => void = () => undefined
    const transactionsEnd = new Promise<void>((resolve) => (endTransactions = resolve))
    let inTransaction = 0
    const transactions = [1, 2].map(() =>
      sql.begin(async (tx) => {
        await tx`select 1`
        inTransaction += 1
        await transactionsEnd
      }),
    )
    await until(() => inTransaction === 2)

    holdSteps()
    const runId = randomUUID()
    const started = service.startRun('waits', null, { runId })
    await until(() => entered.includes(runId))
    const renewals = new Set<string>()
    await until(async () => {
      const rows = await pg.sql.unsafe(`select lease_until from "${pg.schema}".workflow_runs where run_id = $1`, [
        runId,
      ])
      return renewals.add(String(rows[0]?.['lease_until'])).size > 4
    })
    release()
    await started
    expect(await service.waitForRun(runId)).toBe('done')
    expect(entered.filter((entry) => entry === runId)).toHaveLength(1)
    expect(events.filter(({ kind }) => kind === 'lease-lost')).toEqual([])
    endTransactions()
    await Promise.all(transactions)
  })

  it('few connections are opened, and none is left after close()', async () => {
    const { application, options } = labelled()
    const service = open(options)
    let most = 0
    let isOver = false
    const load = Promise.all(Array.from({ length: 30 }, () => outputOf(service, 'mixed', 3)))
    void load.then(() => (isOver = true))
    await until(async () => {
      most = Math.max(most, (await pidsOf(application)).length)
      return isOver
    }, 60_000)
    // Those that wait for locks have connections of their own: these know none of the runs.
    await Promise.allSettled(Array.from({ length: 20 }, () => service.cancelRun(randomUUID())))
    most = Math.max(most, (await pidsOf(application)).length)
    console.log(
      `30 runs at once in one process: at most ${most} connections, ${(await pidsOf(application)).length} after`,
    )
    // 3 that never wait, 2 that wait for locks, 2 that read, 1 that listens, 1 that renews.
    expect(most).toBeLessThanOrEqual(9)
    await service.close()
    await until(async () => (await pidsOf(application)).length === 0)
  })

  it('a port where nobody listens, a host that does not exist: said where to, never the password', async () => {
    const places = [
      ['127.0.0.1', 1],
      ['no-such-host.invalid', 5432],
    ] as const
    await Promise.all(places.map(([host, port]) => refuses(host, port)))
  })

  it('after an outage calls are answered again soon', { timeout: 60_000 }, async () => {
    const ports = openPgStore(proxy.url, pg.schema, { leaseMs: 60_000, logger: quiet })
    closing.push(() => ports.store.close())
    await ports.store.createRun(newRun(randomUUID()))
    await proxy.close()
    const during = [1, 2, 3, 4].map(() => ports.store.createRun(newRun(randomUUID())))
    const since = performance.now()
    await until(() => performance.now() - since > 5_000)
    await proxy.reopen()
    const back = performance.now()
    expect((await Promise.all(during)).every(({ created }) => created)).toBe(true)
    await ports.store.createRun(newRun(randomUUID()))
    const tookMs = performance.now() - back
    console.log(`answered ${Math.round(tookMs)} ms after an outage of 5 s`)
    expect(tookMs).toBeLessThan(4_000)
  })

  it('a renewal that is never answered is asked again before its lease is over', { timeout: 30_000 }, async () => {
    const leaseMs = 10_000
    const { store } = openPgStore(proxy.url, pg.schema, { leaseMs, logger: quiet })
    closing.push(() => store.close())
    const { lease } = await claimed(store, randomUUID())
    await store.renewLeases([lease], leaseMs)
    const withheld = proxy.withholdAnswer((text) => text.includes('renewed_runs'))
    const since = performance.now()
    const renewing = store.renewLeases([lease], leaseMs)
    await withheld
    expect(await renewing).toEqual({ lost: [], busy: [], woken: [] })
    // Half a lease, and what a busy machine takes to connect anew.
    expect(performance.now() - since).toBeLessThan(leaseMs * 0.9)
  })

  /** How many of these the server knows to live. */
  async function locksOf(owners: readonly string[]): Promise<number> {
    const { quoted, lockClass } = openSchema(pg.schema)
    const lives = `select distinct owner from pg_locks join ${quoted}.workflow_worker on objid::bigint = lock_key
      where locktype = 'advisory' and granted and classid::bigint = ($1::bigint & 4294967295) and owner = any ($2)`
    return (await pg.sql.unsafe(lives, [lockClass, [...owners]])).length
  }

  /** The threads that are started from now on. */
  function threadsOfStores(): Worker[] {
    const threads: Worker[] = []
    const onThread = (thread: Worker): void => void threads.push(thread)
    process.on('worker', onThread)
    closing.push(async () => void process.off('worker', onThread))
    return threads
  }

  it('two who begin at once in one process are both known to live', async () => {
    const said: string[] = []
    const logger = { ...quiet, warn: (message: string) => void said.push(message) }
    const { store } = openPgStore(databaseUrl(), pg.schema, { leaseMs: 10_000, logger })
    closing.push(() => store.close())
    const owners = [randomUUID(), randomUUID()]
    await Promise.all(owners.map((owner) => store.enlist(owner)))
    expect([store.capabilities.noticesDeath, said]).toEqual([true, []])
    expect(await locksOf(owners)).toBe(2)
  })

  it('the thread that renews leases ends while it is closed: everything else is closed all the same', async () => {
    const threads = threadsOfStores()
    const { application, options } = labelled()
    const { store } = openPgStore(options, pg.schema, { leaseMs: 10_000, logger: quiet })
    await store.enlist(randomUUID())
    await store.createRun(newRun(randomUUID()))
    const closed = store.close()
    await Promise.all([threads[0]?.terminate(), closed])
    await until(async () => (await pidsOf(application)).length === 0)
  })

  it('the thread that renews leases ends: the main thread goes on with what it was asked, and tells of life', async () => {
    const threads = threadsOfStores()
    const said: string[] = []
    const logger = { ...quiet, warn: (message: string) => void said.push(message) }
    const { store } = openPgStore(proxy.url, pg.schema, { leaseMs: 10_000, logger })
    closing.push(() => store.close())
    const owner = randomUUID()
    await store.enlist(owner)
    const { lease } = await claimed(store, randomUUID())
    expect(threads).toHaveLength(1)

    const withheld = proxy.withholdAnswer((text) => text.includes('renewed_runs'))
    const renewing = store.renewLeases([lease], 10_000)
    await withheld
    const since = performance.now()
    await threads[0]?.terminate()
    expect(await renewing).toEqual({ lost: [], busy: [], woken: [] })
    expect(performance.now() - since).toBeLessThan(4_000)
    expect(said).toEqual([expect.stringContaining('renewed by the main thread')])
    await until(async () => (await locksOf([owner])) === 1)
    expect(threads).toHaveLength(1)
  })

  it('connections made while the server was read-only are given up', { timeout: 60_000 }, async () => {
    const database = freshSchema()
    await pg.sql.unsafe(`create database ${database}`)
    closing.push(() => pg.sql.unsafe(`drop database ${database} with (force)`))
    const url = new URL(databaseUrl())
    url.pathname = `/${database}`
    const warnings: string[] = []
    const logger = {
      ...quiet,
      warn: (message: string) => void (message.includes('is read-only') && warnings.push(message)),
    }
    const { store } = openPgStore(url.href, 's', { leaseMs: 60_000, logger })
    closing.push(() => store.close())
    const { lease } = await claimed(store, 'held')
    await store.enlist('somebody')
    await store.renewLeases([lease], 60_000)

    await pg.sql.unsafe(`alter database ${database} set default_transaction_read_only = on`)
    await pg.sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${database}`
    const writing = store.createRun(newRun('during'))
    const renewing = store.renewLeases([lease], 60_000)
    await until(() => warnings.length > 3)
    await pg.sql.unsafe(`alter database ${database} reset default_transaction_read_only`)
    expect((await writing).created).toBe(true)
    expect(await renewing).toEqual({ lost: [], busy: [], woken: [] })
    expect((await store.createRun(newRun('after'))).created).toBe(true)
    expect(await store.renewLeases([lease], 60_000)).toEqual({ lost: [], busy: [], woken: [] })
  })

  it('F44: backends are killed again and again: every run ends', { timeout: 120_000 }, async () => {
    const { application, options } = labelled()
    const services = [1, 2].map(() =>
      open(options, { leaseMs: 2_000, timing: { sweepMs: 200, redispatchAfterMs: 500, deathGraceMs: 500 } }),
    )
    await Promise.all(services.map((service) => outputOf(service, 'mixed', 1)))
    let kills = 0
    let isOver = false
    const storm = (async () => {
      while (!isOver && kills < 200) {
        kills += (
          await pg.sql.unsafe(
            'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and random() < 0.5',
            [application],
          )
        ).length
        await new Promise((resolve) => void setTimeout(resolve, 60))
      }
    })()
    const runIds = Array.from({ length: 40 }, () => randomUUID())
    const load = Promise.all(
      runIds.map(async (runId, at) => {
        const service = services[at % 2] ?? open(options)
        await service.startRun('mixed', 4, { runId })
        return service.waitForRun(runId, { timeout: 90_000 })
      }),
    )
    const outputs = await load.finally(() => (isOver = true))
    await storm
    console.log(`40 runs ended under ${kills} killed connections`)
    expect(kills).toBeGreaterThan(10)
    expect(outputs).toEqual(runIds.map(() => 12))
    const rows = await pg.sql.unsafe(
      `select run_id, count(*)::int as steps, count(distinct settled_seq)::int as places
       from "${pg.schema}".workflow_step where run_id = any ($1) group by run_id`,
      [runIds],
    )
    expect(rows.map(({ steps, places }) => [steps as number, places as number])).toEqual(runIds.map(() => [12, 12]))
  })
})

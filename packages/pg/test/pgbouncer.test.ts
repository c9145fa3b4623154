import { randomUUID } from 'node:crypto'
import { AppProcess } from '@pikku/tooling/app-process'
import {
  findPgBouncer,
  knowsPreparedStatements,
  startPgBouncer,
  withoutPgBouncer,
  type PgBouncer,
} from '@pikku/tooling/pgbouncer'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openPgStore, PgWorkflowService, type PgWorkflowServiceOptions } from '../src/index.ts'
import { databaseUrl, openPg, until, type PgHarness } from './pg-harness.ts'
import { registryOf } from './support/app.ts'
import { claimAsk, claimed, sweepAsk } from './support/given.ts'

const program = new URL('support/child.ts', import.meta.url)

const registry = registryOf({
  workflows: {
    mixed: async ({ workflow }, input) => {
      const one = Number(await workflow.do('inline', () => input))
      await workflow.sleep('a little', 20)
      const [two, three] = await Promise.all([workflow.do('first', 'add', one), workflow.do('second', 'add', one)])
      return Number(two) + Number(three)
    },
  },
  functions: { add: (_services, data) => Number(data) + 1 },
})

describe.skipIf(!findPgBouncer())(`behind PgBouncer in transaction mode${withoutPgBouncer}`, () => {
  let bouncer: PgBouncer
  let pg: PgHarness
  let said: string[]
  let closing: (() => Promise<unknown>)[]
  const logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (message: string) => void said.push(message),
    error: (message: string, details?: unknown) => void said.push(`${message} ${String(details)}`),
  }

  beforeAll(async () => {
    bouncer = await startPgBouncer(databaseUrl())
    return () => bouncer.stop()
  })

  beforeEach(async () => {
    pg = await openPg()
    said = []
    closing = []
  })

  afterEach(async () => {
    await Promise.all(closing.map((close) => close()))
    await pg.dispose()
  })

  function open(options: PgWorkflowServiceOptions = {}): PgWorkflowService {
    const service = new PgWorkflowService(bouncer.url, undefined, pg.schema, options)
    closing.push(() => service.close({ graceMs: 0 }))
    service.bind({ workflowService: service, logger }, registry)
    return service
  }

  const sayings = (words: string): number => said.filter((message) => message.includes(words)).length

  async function outputs(service: PgWorkflowService, runs: number): Promise<unknown[]> {
    return Promise.all(
      Array.from({ length: runs }, async (_, at) => {
        const { runId } = await service.startRun('mixed', at, { runId: randomUUID() })
        return service.waitForRun(runId, { timeout: 60_000 })
      }),
    )
  }

  it('runs end, and what is not to be had is said once each', { timeout: 90_000 }, async () => {
    const service = open()
    expect(await outputs(service, 40)).toEqual(Array.from({ length: 40 }, (_, at) => 2 * at + 2))
    expect(await outputs(service, 10)).toEqual(Array.from({ length: 10 }, (_, at) => 2 * at + 2))
    expect(sayings('prepared statements are not available')).toBe(1)
    expect(sayings('hears nothing')).toBe(1)
    expect(sayings('is noticed when its leases end')).toBe(1)
    expect(said).toHaveLength(3)
  })

  it('prepare: false has nothing to fall back from', { timeout: 90_000 }, async () => {
    const service = open({ prepare: false })
    expect(await outputs(service, 20)).toEqual(Array.from({ length: 20 }, (_, at) => 2 * at + 2))
    expect(sayings('prepared statements')).toBe(0)
  })

  it('prepare: true is believed: what the pooler does not know is prepared again, and runs end', async () => {
    const service = open({ prepare: true })
    expect(await outputs(service, 20)).toEqual(Array.from({ length: 20 }, (_, at) => 2 * at + 2))
    expect(sayings('no definite answer')).toBe(0)
  })

  it(
    'one connection to the server for everything: nobody waits for another for ever',
    { timeout: 90_000 },
    async () => {
      const narrow = await startPgBouncer(databaseUrl(), { poolSize: 1 })
      closing.push(() => narrow.stop())
      const service = new PgWorkflowService(narrow.url, undefined, pg.schema, { prepare: false })
      closing.unshift(() => service.close({ graceMs: 0 }))
      service.bind({ workflowService: service, logger }, registry)
      expect(await outputs(service, 20)).toEqual(Array.from({ length: 20 }, (_, at) => 2 * at + 2))
    },
  )

  it.skipIf(!knowsPreparedStatements())(
    'max_prepared_statements: what is prepared stays so, and nothing is said of it (skipped before PgBouncer 1.21)',
    { timeout: 90_000 },
    async () => {
      const keeping = await startPgBouncer(databaseUrl(), { settings: { max_prepared_statements: '200' } })
      closing.push(() => keeping.stop())
      const service = new PgWorkflowService(keeping.url, undefined, pg.schema, { prepare: true })
      closing.unshift(() => service.close({ graceMs: 0 }))
      service.bind({ workflowService: service, logger }, registry)
      expect(await outputs(service, 20)).toEqual(Array.from({ length: 20 }, (_, at) => 2 * at + 2))
      expect(sayings('prepared statements')).toBe(0)
    },
  )

  it('a killed process is missed when its lease ends, and its run goes on elsewhere', { timeout: 60_000 }, async () => {
    const setup = { url: bouncer.url, place: pg.schema, leaseMs: 2_000, blockMs: 0 }
    const [first, second] = ['first', 'second'].map((name) => new AppProcess(program, { ...setup, name }))
    if (!first || !second) throw new Error('there are two')
    closing.push(() => Promise.all([first.kill(), second.kill()]))
    await Promise.all([first.has('ready'), second.has('ready')])
    const runId = randomUUID()
    first.tell({ kind: 'start', workflow: 'inline', input: 'wait', runId })
    await first.has('entered')
    const since = performance.now()
    await first.kill()
    await second.has('entered')
    const tookMs = performance.now() - since
    console.log(`behind PgBouncer: taken over ${Math.round(tookMs)} ms after SIGKILL, lease 2000 ms`)
    // Not before its lease is over, or nearly: it was renewed a third of its time ago at most.
    expect(tookMs).toBeGreaterThan(500)
    expect(tookMs).toBeLessThan(2_000 + 5_000)
    second.tell({ kind: 'release' })
    await until(async () => (await pg.ports.reader.getRun(runId))?.status === 'completed')
  })

  it('A27: waitForRun resolves when another process ends the run', { timeout: 60_000 }, async () => {
    // No app's logger is known to the one that only waits.
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    closing.push(async () => warn.mockRestore())
    const waiting = openWaiting()
    const runId = randomUUID()
    const working = new PgWorkflowService(databaseUrl(), undefined, pg.schema)
    closing.push(() => working.close({ graceMs: 0 }))
    working.bind({ workflowService: working, logger }, registry)
    const started = working.startRun('mixed', 1, { runId })
    await until(async () => (await pg.ports.reader.getRun(runId)) !== null)
    expect(await waiting.waitForRun(runId, { timeout: 30_000 })).toBe(4)
    await started
  })

  it('a death is not noticed by its connection, but when the lease ends', async () => {
    const { store, notices } = openPgStore(bouncer.url, pg.schema, { leaseMs: 2_000, logger })
    closing.push(() => store.close())
    await store.enlist('worker-1')
    expect(store.capabilities.noticesDeath).toBe(false)
    expect(notices.live).toBe(false)
    const { lease } = await claimed(store, 'a run')
    const others = pg.ports.store
    const swept = async (): Promise<string[]> =>
      (await others.sweep(sweepAsk({ graceMs: 0, redispatchAfterMs: 1 }))).items.map(({ runId }) => runId)
    expect(await swept()).toEqual([])
    expect(await swept()).toEqual([])
    await pg.advance(61_000)
    expect(await swept()).toEqual(['a run'])
    expect(await others.claimRun(claimAsk('a run', { claimId: 'another' }))).toMatchObject({
      lease: { epoch: lease.epoch + 1 },
    })
  })

  /** It starts nothing, so that it takes no runs itself. */
  function openWaiting(): PgWorkflowService {
    const service = new PgWorkflowService({ ...connection(), onnotice: () => undefined }, undefined, pg.schema, {
      prepare: false,
      // It would look by itself after ten minutes, did it believe in its notices.
      timing: { watchPollMs: 600_000 },
    })
    closing.push(() => service.close())
    return service
  }

  function connection(): { host: string; port: number; database: string; username: string } {
    const { hostname, port, pathname, username } = new URL(bouncer.url)
    return { host: hostname, port: Number(port), database: pathname.slice(1), username }
  }
})

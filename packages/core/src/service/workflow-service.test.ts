import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Logger, StorePorts, WorkflowReader, WorkflowStore } from '../contract/index.ts'
import { StoreUnavailableError, WorkflowError } from '../contract/index.ts'
import { createRegistry, defineFunction, defineWorkflow, type FunctionConfig, type Registry } from '../define/index.ts'
import type { FunctionWire, TypedRpc, WorkflowConfig, WorkflowContext } from '../define/index.ts'
import { memoryPorts, MemoryTables } from '../memory/index.ts'
import { until } from '../testing/engine/until.ts'
import { WorkflowService, type WorkflowServiceOptions } from './index.ts'

interface Told extends Logger {
  readonly lines: string[]
}

function logger(): Told {
  const lines: string[] = []
  const note = (message: string): void => void lines.push(message)
  return { lines, debug: note, info: note, warn: note, error: note }
}

type Bodies = Readonly<
  Record<string, (services: { workflow: WorkflowContext; rpc: TypedRpc }, input: never) => unknown>
>

function registryOf(bodies: Bodies, functions: Readonly<Record<string, FunctionConfig>> = {}): Registry {
  const workflows = Object.entries(bodies).map(([name, body]) => {
    const func = defineWorkflow(body as (services: object, input: unknown) => unknown) as WorkflowConfig
    return { name, func }
  })
  return createRegistry({ workflows, functions })
}

const echo = defineFunction((_services: object, data: unknown) => data) as FunctionConfig
const start = defineFunction((services: FunctionWire, name: string) =>
  services.rpc.startWorkflow(name, 1),
) as FunctionConfig
let moods = 0
const bodies: Bodies = {
  order: async ({ workflow }, input: unknown) => workflow.do('a', 'echo', input),
  parent: async ({ workflow, rpc }, child: string) => workflow.do('start', async () => rpc.startWorkflow(child, 1)),
  'rpc parent': async ({ workflow }, child: string) => workflow.do('start', 'start', child),
  child: async ({ workflow }) => workflow.do('c', () => 1),
  moody: async ({ workflow }) => {
    await workflow.do(`mood ${moods++}`, () => 1)
    await workflow.sleep('a while', 20)
  },
  sleeper: async ({ workflow }) => workflow.sleep('long', '1d'),
}
const timing: NonNullable<WorkflowServiceOptions['timing']> = { sweepMs: 50, watchPollMs: 50, deathGraceMs: 20 }

function inline(
  ports: StorePorts = memoryPorts(),
  options: WorkflowServiceOptions = {},
): { service: WorkflowService; log: Told } {
  const service = new WorkflowService(ports, undefined, { timing, ...options })
  const log = logger()
  service.bind({ logger: log }, registryOf(bodies, { echo, start }))
  return { service, log }
}

const hasCode =
  (code: Parameters<typeof WorkflowError.is>[1]) =>
  (error: unknown): boolean =>
    WorkflowError.is(error, code)

/** The same ports, with some of the calls answered by the test. */
function portsWith(
  ports: StorePorts,
  over: { store?: Partial<WorkflowStore>; reader?: Partial<WorkflowReader> },
): StorePorts {
  const store = new Proxy(ports.store, {
    get: (target, key) => {
      const own: unknown = over.store && Reflect.get(over.store, key)
      const value: unknown = own ?? Reflect.get(target, key)
      return typeof value === 'function' && own === undefined ? value.bind(target) : value
    },
  })
  const reader: WorkflowReader = {
    getRun: (runId) => ports.reader.getRun(runId),
    listSteps: (runId) => ports.reader.listSteps(runId),
    listAttempts: (runId) => ports.reader.listAttempts(runId),
    listRuns: (query) => ports.reader.listRuns(query),
    ...over.reader,
  }
  return { ...ports, store, reader }
}

describe('one bag of services', () => {
  test('F50: bound twice to the same bag is once; to another is an error that says what to do', async () => {
    const service = new WorkflowService(memoryPorts(), undefined)
    const bag = { logger: logger() }
    service.bind(bag, registryOf(bodies))
    service.bind(bag)
    assert.throws(() => service.bind({ ...bag }), hasCode('CONFIGURATION'))
    await service.close()
  })

  test('F50: without a bag the first start says what is missing', async () => {
    const service = new WorkflowService(memoryPorts(), undefined)
    await assert.rejects(service.startRun('order', 1), hasCode('CONFIGURATION'))
    await service.close()
  })

  test('bad options are refused by name before anything is opened', () => {
    for (const options of [
      { leaseMs: 999 },
      { leaseMs: 1.5 },
      { graceMs: -1 },
      { maxPayloadBytes: 0 },
      { retention: 'soon' },
    ]) {
      assert.throws(() => new WorkflowService(memoryPorts(), undefined, options), WorkflowError)
    }
  })
})

describe('inline mode', () => {
  test('runs that another process left go on in the next one, without anybody asking', async () => {
    const tables = new MemoryTables()
    const first = inline(memoryPorts(tables))
    const starting = first.service.startRun('sleeper', null, { runId: 'left' })
    await until('it sleeps', async () => (await first.service.listSteps('left')).length === 1)
    const refused = assert.rejects(starting, hasCode('STORE_UNAVAILABLE'))
    await first.service.close()
    await refused
    const { store } = memoryPorts(tables)
    assert.ok(await store.signalRun({ kind: 'resume', runId: 'left' }))
    const second = inline(memoryPorts(tables))
    await until('somebody takes it', async () => {
      const steps = await second.service.listSteps('left')
      return steps[0]?.status === 'scheduled' && (await second.service.getRun('left'))?.status === 'running'
    })
    await second.service.cancelRun('left')
    await second.service.close()
  })

  test('a database that is away at the start is waited for', async () => {
    const tables = new MemoryTables()
    const ports = memoryPorts(tables)
    let away = true
    const enlist: WorkflowStore['enlist'] = (owner) =>
      away ? Promise.reject(new StoreUnavailableError('away')) : ports.store.enlist(owner)
    await memoryPorts(tables).store.createRun({
      runId: 'waiting',
      workflow: 'order',
      input: '[7]',
      inputDigest: 'd',
      tags: [],
    })
    const { service, log } = inline(portsWith(ports, { store: { enlist } }))
    await until('it was tried', () => log.lines.some((line) => line.includes('starting inline mode')))
    await assert.rejects(service.startRun('order', 1), hasCode('STORE_UNAVAILABLE'))
    away = false
    await until('the run that waited goes on', async () => (await service.getRun('waiting'))?.status !== 'running')
    assert.equal(await service.waitForRun((await service.startRun('order', 'now')).runId), 'now')
    await service.close()
  })

  test('closing ends what waits for runs, and they go on elsewhere', async () => {
    const tables = new MemoryTables()
    const { service } = inline(memoryPorts(tables))
    const starting = service.startRun('sleeper', null, { runId: 'asleep' })
    await until('it sleeps', async () => (await service.listSteps('asleep')).length === 1)
    const refused = assert.rejects(starting, /closed; run asleep goes on without it/)
    const waiting = assert.rejects(service.waitForRun('asleep'), hasCode('STORE_UNAVAILABLE'))
    const watching = await service.watchRun('asleep', () => undefined)
    await service.close()
    await waiting
    await watching.ended
    await refused
    assert.equal((await memoryPorts(tables).reader.getRun('asleep'))?.status, 'running')
  })

  test('100 parents that each start a child in a step do not wait for each other', async () => {
    const { service } = inline()
    const starting = Array.from({ length: 100 }, () => service.startRun('parent', 'child'))
    const viaRpc = Array.from({ length: 100 }, () => service.startRun('rpc parent', 'child'))
    await Promise.all([...starting, ...viaRpc])
    await until('the children have ended too', async () => {
      const { runs } = await service.listRuns({ limit: 1_000, status: 'completed' })
      return runs.length === 400
    })
    await service.close()
  })

  test('what a function outside any run starts is waited for, also when that function was called by another', async () => {
    const { service } = inline()
    const { app } = await service.app()
    const { runId } = (await app.rpc(0).invoke('start', 'order')) as { runId: string }
    assert.equal((await service.getRun(runId))?.status, 'completed')
    await service.close()
  })

  test('a start resolves when its run is suspended, also one that was suspended before', async () => {
    const { service } = inline(memoryPorts(), { timing: { ...timing, parkedRuns: 0, replayGraceMs: 50 } })
    for (const created of [true, false]) {
      assert.deepEqual(await service.startRun('moody', null, { runId: 'held' }), { runId: 'held', created })
      assert.equal((await service.getRun('held'))?.status, 'suspended')
    }
    await service.close()
  })

  test('closed before it began, it begins nothing', async () => {
    const tables = new MemoryTables()
    const { service, log } = inline(memoryPorts(tables))
    await service.close()
    // In the time that another one needs to begin and to end a run.
    const { service: other } = inline(memoryPorts(tables))
    await other.startRun('order', 1)
    assert.equal(tables.owners.size, 1)
    assert.deepEqual(log.lines, [])
    await assert.rejects(service.startRun('order', 1), WorkflowError)
    await other.close()
  })
})

describe('waiting', () => {
  test('a database that cannot be asked is no missing run', async () => {
    const getRun: WorkflowReader['getRun'] = () => Promise.reject(new StoreUnavailableError('away'))
    const { service } = inline(portsWith(memoryPorts(), { reader: { getRun } }))
    await assert.rejects(service.waitForRun('any', { timeout: 80 }), hasCode('STORE_UNAVAILABLE'))
    await service.close()
  })

  test('a timeout is kept while the database is silent, and so is a close', async () => {
    const silent = (): Promise<never> => new Promise(() => undefined)
    const ports = memoryPorts()
    const { service } = inline(portsWith(ports, { reader: { getRun: silent } }))
    await assert.rejects(service.waitForRun('any', { timeout: 50 }), hasCode('STORE_UNAVAILABLE'))
    const waiting = assert.rejects(service.waitForRun('any'), /was closed/)
    await service.close()
    await waiting
    const deaf = inline({ ...ports, notices: { live: true, publish: () => Promise.resolve(), subscribe: silent } })
    await assert.rejects(deaf.service.waitForRun('any', { timeout: 50 }), hasCode('STORE_UNAVAILABLE'))
  })

  test('options that are none are refused instead of waited with', async () => {
    const { service } = inline()
    const options: [unknown, RegExp][] = [
      ['1s', /waitForRun: found.*timeout\?/],
      [{ timout: 1 }, /unknown option 'timout'/],
      [{ timeout: 'soon' }, /timeout/],
    ]
    for (const [given, message] of options) await assert.rejects(service.waitForRun('any', given as object), message)
    for (const given of ['10s', { graceMs: '10s' }, { graceMs: -1 }, { graceMs: Number.NaN }, { grace: 1 }, null]) {
      await assert.rejects(service.close(given as object), hasCode('INVALID_INPUT'))
    }
    await service.startRun('order', 1)
    await service.close({ graceMs: 0 })
  })

  test('closing again resolves when the first close has finished', async () => {
    const entered = Promise.withResolvers<void>()
    const finish = Promise.withResolvers<void>()
    const service = new WorkflowService(memoryPorts(), undefined, { timing })
    const held = async ({ workflow }: { workflow: WorkflowContext }): Promise<unknown> =>
      workflow.do('held', () => {
        entered.resolve()
        return finish.promise
      })
    service.bind({ logger: logger() }, registryOf({ held }))
    const starting = service.startRun('held', null)
    await entered.promise
    const order: string[] = []
    const closing = service.close().then(() => order.push('closed'))
    const again = service.close().then(() => order.push('closed again'))
    // In the time that another one, without a step under way, needs to close.
    const { service: other } = inline()
    await other.startRun('order', 1)
    await other.close()
    order.push('step ended')
    finish.resolve()
    await Promise.all([closing, again])
    await starting
    assert.deepEqual(order, ['step ended', 'closed', 'closed again'])
  })

  test('A27: where notices do not arrive it looks by itself, and ever more slowly', async () => {
    const ports = memoryPorts()
    let looks = 0
    const getRun: WorkflowReader['getRun'] = (runId) => {
      looks += 1
      return ports.reader.getRun(runId)
    }
    const notices: StorePorts['notices'] = {
      live: false,
      publish: () => Promise.resolve(),
      subscribe: () => Promise.resolve({ close: () => Promise.resolve() }),
    }
    const { service } = inline({ ...portsWith(ports, { reader: { getRun } }), notices })
    const starting = service.startRun('sleeper', null, { runId: 'unseen' })
    await until('it sleeps', async () => (await service.listSteps('unseen')).length === 1)
    await ports.store.cancelRun('unseen', 'by somebody else')
    await assert.rejects(service.waitForRun('unseen', { timeout: '5s' }), hasCode('RUN_CANCELLED'))
    await starting
    assert.ok(looks < 30, `${looks} looks`)
    await service.close()
  })
})

test('F45: retention deletes what ended long enough ago, by itself', async () => {
  const tables = new MemoryTables()
  const first = inline(memoryPorts(tables))
  const { runId } = await first.service.startRun('order', 1)
  const endedAt = (await first.service.getRun(runId))?.endedAt?.getTime() ?? Infinity
  await first.service.close()
  // It deletes once at its start and then hourly.
  await until('it ended long enough ago', () => Date.now() > endedAt + 1)
  const second = inline(memoryPorts(tables), { retention: 1 })
  await until('it is gone', async () => (await second.service.getRun(runId)) === null)
  await second.service.close()
})

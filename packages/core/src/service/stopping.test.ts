import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Doorbell, Logger, PayloadCodec, QueueService, WorkItem } from '../contract/index.ts'
import { createRegistry, defineFunction, defineWorkflow, type FunctionConfig, type Registry } from '../define/index.ts'
import { MemoryDoorbell, memoryPorts, MemoryTables } from '../memory/index.ts'
import { QueueWorkers, WorkflowService, type WorkflowServiceOptions } from './index.ts'

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const never = (): Promise<void> => new Promise(() => undefined)

interface BodyOf {
  readonly workflow: { do(name: string, ...rest: unknown[]): Promise<unknown> }
}

function registryOf(body: (wire: BodyOf) => Promise<unknown>): Registry {
  const echo = defineFunction((_: object, data: unknown) => data) as FunctionConfig
  const func = defineWorkflow<unknown, unknown, object, object>(body as () => Promise<unknown>)
  return createRegistry({ functions: { echo }, workflows: [{ name: 'order', func }] })
}

function queueOver(doorbell: Doorbell): QueueService {
  const unused = (): Promise<never> => Promise.reject(new Error('not in this test'))
  return {
    doorbell: () => doorbell,
    add: unused,
    getJob: unused,
    consume: unused,
    init: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}

function inlineService(
  tables: MemoryTables,
  registry: Registry,
  options: WorkflowServiceOptions = {},
): WorkflowService {
  const service = new WorkflowService(memoryPorts(tables), undefined, {
    timing: { sweepMs: 20, troubleDelayMs: 20 },
    ...options,
  })
  service.bind({ logger: silent }, registry)
  return service
}

test('A24: a queue that never answers stops neither the sweep, nor the steps, nor the closing', async () => {
  const doorbell = new MemoryDoorbell()
  const silentDoorbell: Doorbell = { ring: never, answer: (roles, handler) => doorbell.answer(roles, handler) }
  const queueService = queueOver(silentDoorbell)
  const timing = { sweepMs: 20, redispatchAfterMs: 20 }
  const workflowService = new WorkflowService(memoryPorts(), queueService, { timing })
  const services = { workflowService, queueService, logger: silent }
  workflowService.bind(
    services,
    registryOf(async ({ workflow }) => [await workflow.do('a', 'echo', 1), await workflow.do('b', 'echo', 2)]),
  )
  const workers = new QueueWorkers(services)
  await workers.registerQueues()
  const { app } = await workflowService.app()
  await app.rpc(0).startWorkflow('order', null, { runId: 'r' })
  assert.deepEqual(await workflowService.waitForRun('r', { timeout: '10s' }), [1, 2])
  await workers.close()
  await workflowService.close()
})

test('what the queue hands over while a process stops goes back to the queue', async () => {
  const run: WorkItem = { kind: 'run', runId: 'r', workflow: 'order' }
  const of = { rpcName: 'echo', attempt: 1, dispatch: 0 }
  const step: WorkItem = { kind: 'step', runId: 'r', step: { name: 'a', ordinal: 0 }, ...of }
  const rung: WorkItem[] = []
  const queueService = queueOver({
    ring: (items) => Promise.resolve(void rung.push(...items)),
    // The last messages arrive when it is told to take no more.
    answer: (_roles, handler) =>
      Promise.resolve({ stop: () => Promise.all([handler(run), handler(step)]).then(() => undefined) }),
  })
  const workflowService = new WorkflowService(memoryPorts(), queueService)
  const services = { workflowService, queueService, logger: silent }
  workflowService.bind(services, registryOf(never))
  const workers = new QueueWorkers(services)
  await workers.registerQueues()
  await workers.close()
  assert.deepEqual(rung, [run, step])
  await workflowService.close()
})

test('an inline step is told by its signal that its run was cancelled', async () => {
  const tables = new MemoryTables()
  let aborted = (): void => undefined
  let entered = (): void => undefined
  const wasAborted = new Promise<void>((resolve) => (aborted = resolve))
  const wasEntered = new Promise<void>((resolve) => (entered = resolve))
  const service = inlineService(
    tables,
    registryOf(({ workflow }) =>
      workflow.do('long', ({ signal }: { signal: AbortSignal }) => {
        signal.addEventListener('abort', aborted)
        entered()
        return wasAborted
      }),
    ),
  )
  const { app } = await service.app()
  void app.rpc(0).startWorkflow('order', null, { runId: 'r' })
  await wasEntered
  await service.cancelRun('r')
  await wasAborted
  await service.close()
})

test('a graceful stop tells an inline step by its signal, and one that heeds it is not running when others take the run', async () => {
  const tables = new MemoryTables()
  let running = 0
  let most = 0
  let entered = (): void => undefined
  const wasEntered = new Promise<void>((resolve) => (entered = resolve))
  const registry = registryOf(({ workflow }) =>
    workflow.do('long', async ({ signal }: { signal: AbortSignal }) => {
      most = Math.max(most, ++running)
      entered()
      const isFirst = most === 1 && !left
      if (isFirst) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      running--
      if (isFirst) signal.throwIfAborted()
      return 'done'
    }),
  )
  let left = false
  const first = inlineService(tables, registry)
  void (await first.app()).app
    .rpc(0)
    .startWorkflow('order', null, { runId: 'r' })
    .catch(() => undefined)
  await wasEntered
  await first.close({ graceMs: 20 })
  left = true
  const second = inlineService(tables, registry)
  assert.equal(await second.waitForRun('r', { timeout: '10s' }), 'done')
  assert.equal(most, 1)
  await second.close()
})

test('F4: a codec that fails once lets the inline steps beside it end: none of them runs twice at once', async () => {
  const tables = new MemoryTables()
  let running = 0
  let most = 0
  let entries = 0
  let failures = 0
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  const codec: PayloadCodec = {
    encode: (text) => {
      if (text.includes('short') && failures++ === 0) {
        setTimeout(release, 50)
        throw new Error('the key service is away')
      }
      return text
    },
    decode: (payload) => payload,
  }
  const registry = registryOf(({ workflow }) =>
    Promise.all([
      workflow.do('long', async () => {
        entries++
        most = Math.max(most, ++running)
        await released
        running--
        return 'long'
      }),
      workflow.do('brief', () => 'short'),
    ]),
  )
  const service = inlineService(tables, registry, { codec })
  await (await service.app()).app.rpc(0).startWorkflow('order', null, { runId: 'r' })
  assert.deepEqual(await service.waitForRun('r', { timeout: '10s' }), ['long', 'short'])
  assert.deepEqual([most, entries], [1, 1])
  await service.close()
})

test('a queue that cannot be left keeps nothing else open; whoever closes is told', async () => {
  const doorbell = new MemoryDoorbell()
  const stubborn: Doorbell = {
    ring: (items) => doorbell.ring(items),
    answer: async () => ({ stop: () => Promise.reject(new Error('no way out')) }),
  }
  const queueService = queueOver(stubborn)
  const ports = memoryPorts()
  let closed = false
  const close = ports.store.close.bind(ports.store)
  ports.store.close = () => {
    closed = true
    return close()
  }
  const workflowService = new WorkflowService(ports, queueService, {})
  const services = { workflowService, queueService, logger: silent }
  workflowService.bind(
    services,
    registryOf(() => Promise.resolve()),
  )
  const workers = new QueueWorkers(services)
  await workers.registerQueues()
  await assert.rejects(workflowService.close({ graceMs: 0 }), /no way out/)
  assert.ok(closed)
})

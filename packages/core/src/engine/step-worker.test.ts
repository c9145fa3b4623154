import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Logger } from '../contract/index.ts'
import {
  createRegistry,
  defineFunction,
  defineWorkflow,
  type FunctionConfig,
  type WorkflowConfig,
  type WorkflowContext,
} from '../define/index.ts'
import { memoryPorts, MemoryTables } from '../memory/index.ts'
import { WorkflowService } from '../service/index.ts'
import { TestClock } from '../testing/index.ts'
import { Payloads } from './payloads.ts'

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const names = ['neighbour', 'poison', 'other neighbour']

/** A run whose steps have all been lost so many times, together. */
async function lostTogether(tables: MemoryTables, clock: TestClock, times: number): Promise<void> {
  const { store } = memoryPorts(tables)
  const { payload: input, digest: inputDigest } = await new Payloads(undefined, 1_000).encode(null, 'the input')
  await store.createRun({ runId: 'run', workflow: 'order', input, inputDigest, tags: [] })
  const known = [{ name: 'order', codeHash: 'of another worker' }]
  const limit = { max: 100, reason: '' }
  const who = { runId: 'run', owner: 'victim', leaseMs: 1, limit }
  const claim = await store.claimRun({ ...who, claimId: 'claim', known, after: 0 })
  assert.ok(claim && 'lease' in claim)
  const schedule = names.map((name) => ({
    id: { name, ordinal: 0 },
    kind: 'rpc' as const,
    rpcName: 'work',
    input,
    inputDigest,
    policy: { retries: 0, retryDelayMs: 0 },
    askedAfter: 0,
  }))
  const { revision: after, wakeSeq } = claim.history
  const next = { kind: 'park', wakeSeq } as const
  await store.commitRun(claim.lease, { number: 1, after, codeHash: '', schedule, record: [], next })
  for (let time = 0; time < times; time += 1) {
    for (const { id } of schedule) {
      assert.ok(await store.claimStep({ ...who, step: id, claimId: `${id.name} ${time}`, known: ['work'] }))
    }
    await clock.advance(60_000)
  }
}

/** Until all have ended; `entered` is what each of them does. */
async function play(tables: MemoryTables, clock: TestClock, entered: () => Promise<void>): Promise<void> {
  const work = defineFunction(entered) as FunctionConfig
  const order = defineWorkflow(
    async (_services: object, _input: unknown, { workflow }: { workflow: WorkflowContext }) => {
      await Promise.all(names.map((name) => workflow.do(name, 'work', null)))
    },
  ) as WorkflowConfig
  const registry = createRegistry({ functions: { work }, workflows: [{ name: 'order', func: order }] })
  const service = new WorkflowService(memoryPorts(tables), undefined, { timing: { sweepMs: 20 } })
  service.bind({ logger: silent }, registry)
  // The store's time is the test's: what was given back comes round again.
  const passing = setInterval(() => void clock.advance(100), 20)
  await service.waitForRun('run', { timeout: '20s' })
  clearInterval(passing)
  await service.close()
}

/** How many of the steps were being executed at the same time, at most. None ends before `expected` are. */
async function mostAtOnce(tables: MemoryTables, clock: TestClock, expected: number): Promise<number> {
  const asExpected = Promise.withResolvers<void>()
  let now = 0
  let most = 0
  await play(tables, clock, async () => {
    now += 1
    most = Math.max(most, now)
    if (most >= expected) asExpected.resolve()
    await asExpected.promise
    // Time for more of them, who must not come.
    await new Promise((resolve) => setTimeout(resolve, 30))
    now -= 1
  })
  return most
}

test.each([
  [0, 3],
  [1, 3],
  [2, 1],
  [4, 1],
])('A21: steps that died together %i times are executed %i at a time', async (times, atOnce) => {
  const clock = new TestClock()
  const tables = new MemoryTables(clock)
  await lostTogether(tables, clock, times)
  assert.equal(await mostAtOnce(tables, clock, atOnce), atOnce)
})

test('A21: what comes with a step that kills is given back before that one is entered', async () => {
  const clock = new TestClock()
  const tables = new MemoryTables(clock)
  await lostTogether(tables, clock, 2)
  const { reader } = memoryPorts(tables)
  const seen: number[] = []
  const heldNow = async (): Promise<void> => {
    seen.push((await reader.listSteps('run')).filter(({ status }) => status === 'running').length)
  }
  await play(tables, clock, heldNow)
  assert.deepEqual(seen, [1, 1, 1])
})

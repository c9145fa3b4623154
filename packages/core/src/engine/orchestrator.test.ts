import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Clock, Logger } from '../contract/index.ts'
import { createRegistry, defineWorkflow, type WorkflowConfig } from '../define/index.ts'
import { MAX_CRASHES } from '../domain/limits.ts'
import { memoryPorts, MemoryTables } from '../memory/index.ts'
import { WorkflowService } from '../service/index.ts'
import { until } from '../testing/engine/until.ts'
import { TestClock } from '../testing/index.ts'
import { Payloads } from './payloads.ts'
import { systemClock } from './system-clock.ts'

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const minute = 60_000

/** The store's time is the test's; the engine's own goes by. */
function serviceOn(tables: MemoryTables, body: () => unknown, clock: Clock = systemClock): WorkflowService {
  const service = new WorkflowService(
    memoryPorts(tables),
    undefined,
    { timing: { sweepMs: 20, leaseMs: 1_000 } },
    clock,
  )
  const registry = createRegistry({ workflows: [{ name: 'order', func: defineWorkflow(body) as WorkflowConfig }] })
  service.bind({ logger: silent }, registry)
  return service
}

interface Stored {
  readonly tables: MemoryTables
  readonly clock: TestClock
}

/** A run that `crashes` processes have taken and died of. */
async function crashed({ tables, clock }: Stored, crashes: number, runId = 'poison'): Promise<void> {
  const { store } = memoryPorts(tables)
  const { payload: input, digest: inputDigest } = await new Payloads(undefined, 1_000).encode(null, 'the input')
  await store.createRun({ runId, workflow: 'order', input, inputDigest, tags: [] })
  const codeHash = 'of another worker'
  for (let i = 0; i < crashes; i += 1) {
    const who = { owner: `victim ${i}`, claimId: `claim ${i}`, leaseMs: 1, known: [{ name: 'order', codeHash }] }
    assert.ok(await store.claimRun({ runId, ...who, after: 0, limit: { max: 100, reason: '' } }))
    await clock.advance(10 * minute)
  }
}

test('A21: a run that killed ten processes is suspended with the reason, not failed; resumed, it goes on', async () => {
  const clock = new TestClock()
  const tables = new MemoryTables(clock)
  await crashed({ tables, clock }, MAX_CRASHES)
  let entered = 0
  const service = serviceOn(tables, () => (entered += 1))
  await until('it is suspended', async () => (await service.getRun('poison'))?.status === 'suspended')
  assert.match((await service.getRun('poison'))?.error?.message ?? '', /died 10 times/)
  assert.equal(entered, 0)
  await service.resumeRun('poison')
  assert.equal(await service.waitForRun('poison', { timeout: '10s' }), 1)
  await service.close()
})

test('A21: one crash fewer, and it is tried once more', async () => {
  const clock = new TestClock()
  const tables = new MemoryTables(clock)
  await crashed({ tables, clock }, MAX_CRASHES - 1)
  const service = serviceOn(tables, () => 'survived')
  assert.equal(await service.waitForRun('poison', { timeout: '10s' }), 'survived')
  await service.close()
})

test('A21: of the runs that may be what kills the process only one is taken at a time', async () => {
  const clock = new TestClock()
  const tables = new MemoryTables(clock)
  const runIds = ['poison', 'its neighbour', 'another']
  for (const runId of runIds) await crashed({ tables, clock }, 3, runId)
  let inside = 0
  let most = 0
  const service = serviceOn(tables, async () => {
    most = Math.max(most, (inside += 1))
    await new Promise((resolve) => setTimeout(resolve, 60))
    inside -= 1
  })
  await until('all have ended', async () => {
    await clock.advance(100)
    const runs = await Promise.all(runIds.map((runId) => service.getRun(runId)))
    return runs.every((run) => run?.status === 'completed')
  })
  assert.equal(most, 1)
  await service.close()
})

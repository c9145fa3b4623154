import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../harness/deadline.ts'
import { mixedPairs, openPair, purePairs, type OpenPair, type Pair } from '../harness/pairs.ts'
import { World } from '../harness/world.ts'

/** Far more than it takes; what it took is printed. */
const deadline = { timeout: '60s' }

let pairName: string
let world: World

function useWorldOf(pair: Pair): void {
  let opened: OpenPair
  beforeAll(async () => {
    pairName = pair.name
    opened = await openPair(pair)
  })
  beforeEach(async () => {
    world = await World.open(opened.servers)
  })
  afterEach(() => world.close())
  afterAll(() => opened.close())
}

function measured(what: string, sinceMs: number): void {
  console.log(`measured: ${pairName}: ${what}: ${Math.round(performance.now() - sinceMs)} ms`)
}

async function killInRpcStep(): Promise<void> {
  await Promise.all([world.startWorker(), world.startWorker()])
  const { runId } = await world.rpc.startWorkflow('rpc-hold')
  const first = await world.entry({ event: 'started', step: 'hold' })

  const killedAt = performance.now()
  await world.worker(first.pid).kill()
  const second = await world.entry({ event: 'started', step: 'hold', attempt: 2 })
  measured('SIGKILL in an RPC step, until its next attempt starts', killedAt)
  world.openGate()

  expect(await world.services.workflowService.waitForRun(runId, deadline)).toEqual(['first', 'hold', 'last'])
  expect(second.pid).not.toBe(first.pid)
  expect(second.key).toBe(first.key)
  expect(world.entries({ event: 'started', step: 'hold' })).toHaveLength(2)
  expect(world.entries({ event: 'ended', step: 'hold' })).toHaveLength(1)
  expect(world.entries({ event: 'started', step: 'first' })).toHaveLength(1)
  const held = (await world.services.workflowService.getRunHistory(runId)).filter((each) => each.stepName === 'hold')
  expect(held.map(({ attemptCount, status }) => [attemptCount, status])).toEqual([
    [1, 'failed'],
    [2, 'succeeded'],
  ])
  expect(held[0]?.error).toMatchObject({ code: 'ATTEMPT_LOST' })
}

async function killWhileStarting(): Promise<void> {
  await world.startWorker()
  // Far more than it lives to start.
  const runIds = Array.from({ length: 2_000 }, (_, i) => `${pairName} ${i}`)
  const starter = world.spawn('src/starter.ts', { RUN_IDS: runIds.join() })
  await starter.printed(/(started .*\n){20}/)
  await starter.kill()
  const told = [...starter.output.matchAll(/^started (.*)$/gm)].map(([, runId = '']) => runId)
  expect(starter.output).not.toContain('all started')

  // What it was about to hear of is among the next ones.
  const tried = runIds.slice(0, told.length + 8)
  const again = await Promise.all(tried.map((runId) => world.rpc.startWorkflow('chain', { length: 3 }, { runId })))
  expect(again.filter(({ created, runId }) => created && told.includes(runId))).toEqual([])
  for (const { runId } of again) expect(await world.services.workflowService.waitForRun(runId, deadline)).toBe(3)
  expect(world.entries({ event: 'started' })).toHaveLength(tried.length * 3)
}

describe.each(purePairs)('$name', (pair) => {
  useWorldOf(pair)

  describe('SIGKILL of an API process', () => {
    test(
      'while it starts runs: what it has said to be started runs, and starting all of them again starts no run twice',
      killWhileStarting,
    )
  })

  describe('SIGKILL of a worker', () => {
    test('in the middle of an RPC step: two starts, one end, the same key', killInRpcStep)

    test('in the middle of an inline step: it runs again as the same attempt', async () => {
      await Promise.all([world.startWorker(), world.startWorker()])
      const { runId } = await world.rpc.startWorkflow('inline-hold')
      const first = await world.entry({ event: 'started', step: 'hold' })

      const killedAt = performance.now()
      await world.worker(first.pid).kill()
      await eventually('the inline step starts again', () => world.entries({ event: 'started', step: 'hold' })[1])
      measured('SIGKILL in an inline step, until it starts again', killedAt)
      world.openGate()

      expect(await world.services.workflowService.waitForRun(runId, deadline)).toBe('held')
      expect(world.entries({ event: 'started', step: 'hold' })).toHaveLength(2)
      expect(world.entries({ event: 'ended', step: 'hold' })).toHaveLength(1)
      const history = await world.services.workflowService.getRunHistory(runId)
      expect(history.map(({ stepName, attemptCount, status }) => [stepName, attemptCount, status])).toEqual([
        ['hold', 1, 'succeeded'],
        ['last', 1, 'succeeded'],
      ])
    })

    test('in the middle of a sleep: the sleep ends when it would have ended', async () => {
      const worker = await world.startWorker()
      const { runId } = await world.rpc.startWorkflow('sleeper', { nap: '3s' })
      const sleep = await eventually('the run sleeps', async () =>
        (await world.services.workflowService.listSteps(runId)).find(({ kind }) => kind === 'sleep'),
      )
      await worker.kill()
      await world.startWorker()

      await world.services.workflowService.waitForRun(runId, deadline)
      const after = (await world.services.workflowService.getRunHistory(runId)).at(-1)
      expect(after?.stepName).toBe('after')
      expect(Number(after?.startedAt) - Number(sleep.createdAt)).toBeGreaterThanOrEqual(2_990)
      expect(world.entries({ event: 'started', step: 'before' })).toHaveLength(1)
      expect(world.entries({ event: 'started', step: 'after' })).toHaveLength(1)
    })

    test('between two steps: the body goes on elsewhere, no step is repeated', async () => {
      await Promise.all([world.startWorker(), world.startWorker()])
      const { runId } = await world.rpc.startWorkflow('between')
      const first = await world.entry({ event: 'between' })

      const killedAt = performance.now()
      await world.worker(first.pid).kill()
      await eventually('the body goes on elsewhere', () => world.entries({ event: 'between' })[1])
      measured('SIGKILL between steps, until the body is replayed', killedAt)

      await world.services.workflowService.waitForRun(runId, deadline)
      expect(world.entries({ event: 'started', step: 'a' })).toHaveLength(1)
      expect(world.entries({ event: 'started', step: 'b' })).toHaveLength(1)
    })

    test('five times over, while runs are under way: every step has one result and every run ends', async () => {
      await Promise.all([world.startWorker(), world.startWorker()])
      const length = 10
      const runs = await Promise.all(Array.from({ length: 10 }, () => world.rpc.startWorkflow('chain', { length })))
      for (let crash = 1; crash <= 5; crash++) {
        const seen = world.entries().length
        const last = await eventually('the ledger grows', () => world.entries().at(-1), 60_000)
        await world.worker(last.pid).kill()
        await world.startWorker()
        const done = runs.length * length * 2
        await eventually(
          'the ledger grows',
          () => world.entries().length > seen || world.entries().length >= done,
          60_000,
        )
      }
      for (const { runId } of runs) {
        expect(await world.services.workflowService.waitForRun(runId, deadline)).toBe(45)
        const succeeded = (await world.services.workflowService.getRunHistory(runId)).filter(
          ({ status }) => status === 'succeeded',
        )
        expect(succeeded).toHaveLength(length * 2)
      }
    })
  })

  describe('SIGSTOP of a worker', () => {
    test('in the middle of an RPC step: its lease runs out, and what it does when it goes on counts for nothing', async () => {
      const env = { LEASE_MS: '2000' }
      await Promise.all([world.startWorker(env), world.startWorker(env)])
      const { runId } = await world.rpc.startWorkflow('rpc-hold')
      const first = await world.entry({ event: 'started', step: 'hold' })

      const frozenAt = performance.now()
      world.worker(first.pid).signal('SIGSTOP')
      const second = await world.entry({ event: 'started', step: 'hold', attempt: 2 })
      measured('SIGSTOP in an RPC step with a lease of 2 s, until its next attempt starts', frozenAt)
      world.worker(first.pid).signal('SIGCONT')
      await world.entry({ event: 'aborted', step: 'hold', attempt: 1, pid: first.pid })
      world.openGate()

      expect(await world.services.workflowService.waitForRun(runId, deadline)).toEqual(['first', 'hold', 'last'])
      expect(world.entries({ event: 'ended', step: 'hold' }).map(({ pid }) => pid)).toEqual([second.pid])
      const held = (await world.services.workflowService.getRunHistory(runId)).filter(
        (each) => each.stepName === 'hold',
      )
      expect(held.map(({ attemptCount, status }) => [attemptCount, status])).toEqual([
        [1, 'failed'],
        [2, 'succeeded'],
      ])
    })
  })

  describe('SIGTERM of a worker', () => {
    test('lets an executing step end, and the run goes on elsewhere', async () => {
      await Promise.all([world.startWorker(), world.startWorker()])
      const { runId } = await world.rpc.startWorkflow('rpc-hold')
      const { pid } = await world.entry({ event: 'started', step: 'hold' })
      const stopping = world.worker(pid)

      stopping.signal('SIGTERM')
      // While this one sleeps, the other worker sweeps twice: enough for it to take what it must not take.
      const other = await world.rpc.startWorkflow('sleeper', { nap: '2500ms' })
      await world.services.workflowService.waitForRun(other.runId, deadline)
      expect(world.entries({ event: 'started', step: 'hold' })).toHaveLength(1)
      world.openGate()
      expect(await stopping.exit()).toBe(0)

      await world.services.workflowService.waitForRun(runId, deadline)
      expect(world.entries({ event: 'started', step: 'hold' })).toHaveLength(1)
      expect(world.entries({ event: 'ended', step: 'hold', pid })).toHaveLength(1)
      expect(world.entries({ event: 'ended', step: 'last' })[0]?.pid).not.toBe(pid)
    })

    test('aborts a step that does not end within the grace, and hands it over', async () => {
      const graceMs = 500
      const env = { GRACE_MS: String(graceMs) }
      await Promise.all([world.startWorker(env), world.startWorker(env)])
      const { runId } = await world.rpc.startWorkflow('rpc-hold')
      const first = await world.entry({ event: 'started', step: 'hold' })

      const stoppedAt = performance.now()
      world.worker(first.pid).signal('SIGTERM')
      await world.entry({ event: 'aborted', step: 'hold', pid: first.pid })
      await eventually('another worker starts the step', () => world.entries({ event: 'started', step: 'hold' })[1])
      measured(`SIGTERM with ${graceMs} ms of grace, until the step starts elsewhere`, stoppedAt)
      world.openGate()

      expect(await world.services.workflowService.waitForRun(runId, deadline)).toEqual(['first', 'hold', 'last'])
      expect(await world.worker(first.pid).exit()).toBe(0)
      expect(world.entries({ event: 'ended', step: 'hold' })).toHaveLength(1)
    })

    test('between two steps: the run goes on elsewhere at once', async () => {
      await Promise.all([world.startWorker(), world.startWorker()])
      const { runId } = await world.rpc.startWorkflow('between')
      const first = await world.entry({ event: 'between' })

      const stoppedAt = performance.now()
      world.worker(first.pid).signal('SIGTERM')
      await eventually('the body goes on elsewhere', () => world.entries({ event: 'between' })[1])
      measured('SIGTERM between steps, until the body is replayed', stoppedAt)

      expect(await world.worker(first.pid).exit()).toBe(0)
      await world.services.workflowService.waitForRun(runId, deadline)
      expect(world.entries({ event: 'started', step: 'b' })).toHaveLength(1)
    })

    test('while its run sleeps: nothing is lost', async () => {
      const worker = await world.startWorker()
      const { runId } = await world.rpc.startWorkflow('sleeper', { nap: '2s' })
      await eventually('the run sleeps', async () =>
        (await world.services.workflowService.listSteps(runId)).find(({ kind }) => kind === 'sleep'),
      )
      worker.signal('SIGTERM')
      expect(await worker.exit()).toBe(0)
      await world.startWorker()
      await world.services.workflowService.waitForRun(runId, deadline)
      expect(world.entries({ event: 'started', step: 'after' })).toHaveLength(1)
    })
  })
})

describe.each(mixedPairs)('$name', (pair) => {
  useWorldOf(pair)

  test('SIGKILL of a worker in the middle of an RPC step', killInRpcStep)
  test('SIGKILL of an API process while it starts runs', killWhileStarting)
})

import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Changes, StorePorts, WorkflowStore } from '../contract/index.ts'
import { memoryPorts, MemoryTables } from '../memory/index.ts'
import { defineModelTests, defineWorkflowStoreTests, TestClock } from './index.ts'
import type { OpenStore, Skip, StoreHarness, TestRunner } from './index.ts'

type Break = (store: WorkflowStore) => Partial<WorkflowStore>

/** Methods of a class instance are not own properties: a broken store names each. */
function broken(store: WorkflowStore, breaks: Break): WorkflowStore {
  const sound: WorkflowStore = {
    createRun: (run) => store.createRun(run),
    claimRun: (ask) => store.claimRun(ask),
    commitRun: (lease, turn) => store.commitRun(lease, turn),
    readChanges: (runId, after) => store.readChanges(runId, after),
    claimStep: (ask) => store.claimStep(ask),
    settleStep: (lease, outcome) => store.settleStep(lease, outcome),
    releaseStep: (lease, how) => store.releaseStep(lease, how),
    renewLeases: (leases, leaseMs) => store.renewLeases(leases, leaseMs),
    signalRun: (signal) => store.signalRun(signal),
    cancelRun: (runId, reason) => store.cancelRun(runId, reason),
    sweep: (ask) => store.sweep(ask),
    enlist: (owner) => store.enlist(owner),
    capabilities: store.capabilities,
    close: () => store.close(),
  }
  return { ...sound, ...breaks(store) }
}

function opener(breaks: Break): () => Promise<OpenStore> {
  return () => {
    const clock = new TestClock()
    const tables = new MemoryTables(clock)
    const open = (): StorePorts => {
      const ports = memoryPorts(tables)
      return { ...ports, store: broken(ports.store, breaks) }
    }
    const sibling = (): Promise<StorePorts> => Promise.resolve(open())
    const advance = (ms: number): Promise<void> => clock.advance(ms)
    return Promise.resolve({ ports: open(), sibling, advance, dispose: () => Promise.resolve() })
  }
}

/** Runs what a kit defines, and answers the full names of the cases that failed. */
async function failures(
  define: (harness: StoreHarness) => void,
  breaks: Break,
  skip: readonly Skip[] = [],
): Promise<string[]> {
  const cases: { name: string; body: () => Promise<void> }[] = []
  const path: string[] = []
  const runner: TestRunner = {
    describe: (name, body) => {
      path.push(name)
      body()
      path.pop()
    },
    test: (name, body) => cases.push({ name: [...path.slice(1), name].join(' › '), body }),
  }
  define({ name: 'broken', runner, open: opener(breaks), skip })
  const failed: string[] = []
  for (const { name, body } of cases) {
    await body().catch(() => failed.push(name))
  }
  return failed
}

const swapFirst = <T extends Changes>(changes: T): T => ({ ...changes, steps: [...changes.steps].reverse() })

const breakages: Readonly<Record<string, Break>> = {
  'a payload is parsed and written again': (store) => ({
    createRun: (run) => store.createRun({ ...run, input: run.input.trim() }),
  }),
  'a known id is not rung again': (store) => ({
    createRun: async (run) => {
      const created = await store.createRun(run)
      return created.created ? created : { ...created, wake: [] }
    },
  }),
  'a repeated claim is another claim': (store) => ({
    claimRun: (ask) => store.claimRun({ ...ask, claimId: `${ask.claimId}${Math.random()}` }),
  }),
  'wakeSeq is newer than the rows': (store) => ({
    claimRun: async (ask) => {
      const claim = await store.claimRun(ask)
      if (!claim || 'ended' in claim) return claim
      return { ...claim, history: { ...claim.history, steps: [] } }
    },
  }),
  'what changed comes in no order': (store) => ({
    commitRun: async (lease, turn) => {
      const committed = await store.commitRun(lease, turn)
      return committed.released ? committed : swapFirst(committed)
    },
    readChanges: async (runId, after) => swapFirst(await store.readChanges(runId, after)),
  }),
  'the fence is down': (store) => ({
    commitRun: async (lease, turn) => {
      try {
        return await store.commitRun(lease, turn)
      } catch {
        return { released: true, wake: [] }
      }
    },
  }),
  'a park is never refused': (store) => ({
    commitRun: async (lease, turn) => {
      const committed = await store.commitRun(lease, turn)
      const { next, number } = turn
      if (next.kind !== 'park' || committed.released) return committed
      const park = { kind: 'park', wakeSeq: committed.wakeSeq } as const
      return store.commitRun(lease, { ...turn, schedule: [], record: [], number: number + 1000, next: park })
    },
  }),
  'a settlement does not ring': (store) => ({
    settleStep: async (lease, outcome) => {
      const settled = await store.settleStep(lease, outcome)
      return settled && { ...settled, wake: [] }
    },
  }),
  'a superseded settlement is told as applied': (store) => ({
    settleStep: async (lease, outcome) => (await store.settleStep(lease, outcome)) ?? { settledSeq: 1, wake: [] },
  }),
  'a repeated claim of a step gets nothing': (store) => {
    const seen = new Set<string>()
    return {
      claimStep: async (ask) => {
        const claim = await store.claimStep(ask)
        if (seen.has(ask.claimId)) return null
        seen.add(ask.claimId)
        return claim
      },
    }
  },
  'a step given back burns its attempt': (store) => ({
    releaseStep: (lease, how) => store.releaseStep(lease, { ...how, entered: true }),
  }),
  'a renewal shortens': (store) => ({
    renewLeases: () => Promise.resolve({ lost: [], busy: [], woken: [] }),
    close: () => store.close(),
  }),
  'a signal is accepted twice': (store) => ({
    signalRun: async (signal) => ({ ...(await store.signalRun(signal)), accepted: true }),
  }),
  'a cancelled run is ended again': (store) => ({
    cancelRun: async (runId, reason) => ({ ...(await store.cancelRun(runId, reason)), cancelled: true }),
  }),
  'a sweep rings once only': (store) => {
    const rung = new Set<string>()
    return {
      sweep: async (ask) => {
        const swept = await store.sweep(ask)
        const items = swept.items.filter(({ kind, runId }) => !rung.has(`${kind} ${runId}`))
        for (const { kind, runId } of items) rung.add(`${kind} ${runId}`)
        return { ...swept, items }
      },
    }
  },
  'a sweep knows no next time': (store) => ({
    sweep: async (ask) => ({ ...(await store.sweep(ask)), nextDueInMs: null }),
  }),
  'a sweep is given one limit for all': (store) => ({
    sweep: async (ask) => {
      const swept = await store.sweep(ask)
      return { ...swept, items: swept.items.slice(0, ask.limit) }
    },
  }),
}

describe('the kit bites', () => {
  test('a sound store passes', async () => {
    assert.deepEqual(await failures(defineWorkflowStoreTests, () => ({})), [])
  }, 60_000)

  for (const [what, breaks] of Object.entries(breakages)) {
    test(`on a store where ${what}`, async () => {
      const failed = await failures(defineWorkflowStoreTests, breaks)
      assert.ok(failed.length > 0, 'no case failed')
    }, 60_000)
  }

  test('the model suite bites too', async () => {
    const define = (harness: StoreHarness): void => defineModelTests({ ...harness, seeds: [1, 2, 3, 4, 5, 6, 7, 8] })
    assert.deepEqual(await failures(define, () => ({})), [])
    for (const what of [
      'a settlement does not ring',
      'a step given back burns its attempt',
      'a signal is accepted twice',
    ]) {
      const breaks = breakages[what]
      assert.ok(breaks && (await failures(define, breaks)).length > 0, what)
    }
  }, 60_000)
})

describe('skips', () => {
  const reason = 'not here'

  test('a skip that names no case fails', async () => {
    const failed = await failures(defineWorkflowStoreTests, () => ({}), [{ test: 'sweep › no such case', reason }])
    assert.deepEqual(failed, ['every skip names a case'])
  }, 60_000)

  test('a skip of a case that passes is stale and fails', async () => {
    const stale = 'createRun › a new run is running and rings'
    assert.deepEqual(await failures(defineWorkflowStoreTests, () => ({}), [{ test: stale, reason }]), [stale])
  }, 60_000)

  test('a skipped case that fails does not', async () => {
    const breaks = breakages['a payload is parsed and written again']
    assert.ok(breaks)
    const failed = await failures(defineWorkflowStoreTests, breaks)
    assert.deepEqual(
      await failures(
        defineWorkflowStoreTests,
        breaks,
        failed.map((one) => ({ test: one, reason })),
      ),
      [],
    )
  }, 60_000)
})

import assert from 'node:assert/strict'
import type { RunId, Step, WorkflowStore, WorkItem } from '../../contract/index.ts'
import { isSettled } from '../../domain/run-state.ts'
import {
  child,
  claim,
  claimAsk,
  claimStep,
  freshId,
  hold,
  id,
  inline,
  isReleased,
  known,
  newRun,
  park,
  parked,
  rpc,
  runItems,
  stepAsk,
  stepItems,
  succeeded,
  turn,
} from './given.ts'
import { repeating } from './repeating.ts'
import type { StoreTestGroup, World } from './world.ts'

/** Take one turn as an orchestrator would: leave when everything is settled, else park. Nobody else rings. */
async function takeTurn(store: WorkflowStore, runId: RunId, steps: number): Promise<void> {
  const claimed = await store.claimRun(claimAsk(runId, { owner: freshId('orchestrator') }))
  // Another has it: what woke this run is refused or read there.
  if (!claimed || 'ended' in claimed) return
  const { lease, history } = claimed
  const settled = new Set(settledOf(history.steps))
  let seen: { readonly wakeSeq: number; readonly revision: number } = history
  for (let number = 1; ; number += 1) {
    const next = settled.size === steps ? ({ kind: 'complete', output: '' } as const) : park(seen)
    const committed = await store.commitRun(lease, turn({ number, after: seen.revision, next }))
    if (committed.released) return
    for (const name of settledOf(committed.steps)) settled.add(name)
    seen = committed
  }
}

function settledOf(steps: readonly Step[]): string[] {
  return steps.filter(({ status }) => isSettled(status)).map((step) => step.id.name)
}

/** Forty runs of eight steps; every settlement races the park of its run. No sweeper, every held doorbell lost. */
async function settleAgainstPark(world: World, stores: readonly WorkflowStore[]): Promise<void> {
  const plans = Array.from({ length: 8 }, (_, i) => rpc(`s${i}`))
  const runs = await Promise.all(Array.from({ length: 40 }, () => parked(world.store, plans)))
  const work = runs.flatMap(({ runId, wake }) => stepItems(wake).map(({ step }) => ({ runId, name: step.name })))
  assert.equal(work.length, 320)
  const turns: Promise<void>[] = []
  const settleAll = work.map(async ({ runId, name }, i) => {
    const store = stores[i % stores.length] ?? world.store
    const { lease } = await claimStep(store, runId, name)
    const settled = await store.settleStep(lease, succeeded(`"${name}"`))
    for (const item of runItems(settled?.wake ?? [])) {
      if (!item.held) turns.push(takeTurn(stores[turns.length % stores.length] ?? store, item.runId, plans.length))
    }
  })
  await Promise.all(settleAll)
  for (let done = 0; done < turns.length; done += 1) await turns[done]
  const left = await world.reader.listRuns({ limit: 100, statuses: ['running', 'suspended'] })
  assert.deepEqual(
    left.runs.map(({ runId }) => runId),
    [],
    'no run was left asleep',
  )
}

/** Hold a run, recording inline steps, while workers settle its others; check what is handed over, in what order. */
async function recordWhileSettling(store: WorkflowStore, other: WorkflowStore): Promise<void> {
  const count = 20
  const plans = Array.from({ length: count }, (_, i) => rpc(`s${i}`))
  const { run } = await store.createRun(newRun())
  const { lease } = await claim(store, run.runId)
  const asked = await hold(store, lease, { schedule: plans })
  const settling = plans.map(async (plan) => {
    const step = await claimStep(other, run.runId, plan.id.name)
    await other.settleStep(step.lease, succeeded())
  })
  const delivered: number[] = []
  let after = asked.revision
  for (let number = 2; delivered.length < count * 2; number += 1) {
    const i = number - 2
    const record = i < count ? [inline('own', succeeded(), { id: id('own', i) })] : []
    const held = await hold(store, lease, { number, after, record })
    const settled = held.steps.flatMap(({ settledSeq }) => settledSeq ?? [])
    const batch = [...settled, ...held.recorded.map(({ settledSeq }) => settledSeq)].sort((a, b) => a - b)
    const last = delivered.at(-1) ?? 0
    assert.ok((batch[0] ?? Infinity) > last, `what is handed over is a prefix of the order: ${batch[0]} after ${last}`)
    delivered.push(...batch)
    after = held.revision
  }
  await Promise.all(settling)
  assert.equal(new Set(delivered).size, count * 2)
  const { steps } = await store.readChanges(run.runId, 0)
  assert.deepEqual(
    steps.flatMap(({ settledSeq }) => settledSeq ?? []),
    delivered,
  )
}

export const stormTests: StoreTestGroup = {
  name: 'storms',
  tests: {
    'settle × park: every run ends, with no sweeper': async (world) => {
      const stores = [world.store, (await world.sibling()).store, (await world.sibling()).store]
      for (let round = 0; round < 3; round += 1) await settleAgainstPark(world, stores)
    },
    'A13: settle × park, every call made twice': async (world) => {
      const stores = [repeating(world.store), repeating((await world.sibling()).store)]
      await settleAgainstPark(world, stores)
    },
    'settle × record: what is handed over is always a prefix of the order': async (world) => {
      const other = (await world.sibling()).store
      await Promise.all(Array.from({ length: 20 }, () => recordWhileSettling(world.store, other)))
    },
    'F1 F2: six hundred deliveries of two hundred steps are two hundred claims': async (world) => {
      const stores = [world.store, (await world.sibling()).store, (await world.sibling()).store]
      const plans = Array.from({ length: 200 }, (_, i) => rpc(`s${i}`))
      const { runId } = await parked(world.store, plans)
      const deliveries = plans.flatMap((plan) =>
        stores.map((store, i) => store.claimStep(stepAsk(runId, plan.id.name, { owner: `worker-${i}` }))),
      )
      const claims = (await Promise.all(deliveries)).filter((answer) => answer !== null)
      assert.equal(claims.length, 200)
      assert.equal(new Set(claims.map(({ lease }) => lease.step?.name)).size, 200)
    },
    'A11: children that end while their parents write and settle': async (world) => {
      const { store, reader } = world
      const other = (await world.sibling()).store
      const families = await Promise.all(Array.from({ length: 10 }, () => startFamily(store)))
      await Promise.all(families.flatMap((family) => [endChildren(other, family), settleOwn(store, family)]))
      for (const { runId } of families) {
        const steps = await reader.listSteps(runId)
        assert.ok(steps.every(({ status }) => status === 'succeeded'))
        assert.equal(new Set(steps.map(({ settledSeq }) => settledSeq)).size, 20)
      }
    },
    'cancel × complete: a run ends once': async (world) => {
      const { store, reader } = world
      const other = (await world.sibling()).store
      const runs = await Promise.all(Array.from({ length: 40 }, () => store.createRun(newRun())))
      const leases = await Promise.all(runs.map(async ({ run }) => (await claim(store, run.runId)).lease))
      const next = { kind: 'complete', output: '"O"' } as const
      const ends = leases.map(async (lease) => {
        const [committed, cancelled] = await Promise.allSettled([
          store.commitRun(lease, turn({ next })),
          other.cancelRun(lease.runId, 'R'),
        ])
        const wasCancelled = cancelled.status === 'fulfilled' && cancelled.value.cancelled
        assert.equal(committed.status === 'fulfilled', !wasCancelled)
        assert.equal((await reader.getRun(lease.runId))?.status, wasCancelled ? 'cancelled' : 'completed')
      })
      await Promise.all(ends)
    },
    'sweepers × claims: nothing that is held is rung': async (world) => {
      const { store } = world
      const runs = await Promise.all(Array.from({ length: 60 }, () => store.createRun(newRun())))
      await world.advance(60_000)
      const other = (await world.sibling()).store
      const swept: WorkItem[] = []
      const ask = { limit: 5, redispatchAfterMs: 3_600_000, graceMs: 1_000, known }
      const sweeping = Array.from({ length: 20 }, async () => swept.push(...(await other.sweep(ask)).items))
      await Promise.all([...runs.map(({ run }) => claim(store, run.runId)), ...sweeping])
      assert.equal(new Set(swept.map(({ runId }) => runId)).size, swept.length, 'none twice')
      assert.deepEqual((await other.sweep(ask)).items, [])
    },
  },
}

interface Family {
  readonly runId: RunId
  readonly children: readonly RunId[]
}

async function startFamily(store: WorkflowStore): Promise<Family> {
  const parent = newRun()
  const plans = Array.from({ length: 10 }, (_, i) => child(parent.runId, `c${i}`))
  const own = Array.from({ length: 10 }, (_, i) => rpc(`r${i}`))
  const { runId } = await parked(store, [...plans, ...own], parent)
  return { runId, children: plans.map((plan) => plan.child.runId) }
}

async function endChildren(store: WorkflowStore, { children }: Family): Promise<void> {
  const next = { kind: 'complete', output: '"O"' } as const
  const ends = children.map(async (runId) => {
    const { lease } = await claim(store, runId)
    isReleased(await store.commitRun(lease, turn({ next })))
  })
  await Promise.all(ends)
}

async function settleOwn(store: WorkflowStore, { runId }: Family): Promise<void> {
  const settles = Array.from({ length: 10 }, async (_, i) => {
    const { lease } = await claimStep(store, runId, `r${i}`)
    assert.ok(await store.settleStep(lease, succeeded()))
  })
  await Promise.all(settles)
}

import assert from 'node:assert/strict'
import type { Changes, RunId, WorkflowStore } from '../../contract/index.ts'
import {
  claim,
  claimStep,
  freshId,
  hold,
  id,
  inline,
  isReleased,
  minute,
  namesOf,
  newRun,
  park,
  parked,
  retry,
  rpc,
  succeeded,
  turn,
} from './given.ts'
import type { StoreTestGroup } from './world.ts'

const limit = 128 * 1024
const utf8 = new TextEncoder()

function bytesOf({ steps, signals }: Changes): number {
  const texts = [...steps.flatMap(({ output, error }) => [output, error]), ...signals.map(({ payload }) => payload)]
  return texts.reduce((sum, text) => sum + utf8.encode(text ?? '').length, 0)
}

/** The rest of an answer, page by page. */
async function readOn(store: WorkflowStore, runId: RunId, from: Changes): Promise<Changes[]> {
  const pages: Changes[] = []
  let last = from
  while (last.more) {
    const page = await store.readChanges(runId, last.revision)
    assert.ok(page.revision > last.revision, 'every page gets on')
    pages.push(page)
    last = page
  }
  return pages
}

/** A run with this many settled inline steps, `bytes` each. */
async function longRun(store: WorkflowStore, count: number, bytes: number): Promise<RunId> {
  const { run } = await store.createRun(newRun())
  const { lease, history } = await claim(store, run.runId)
  const output = 'é'.repeat(bytes / 2)
  const record = Array.from({ length: count }, (_, i) => inline(`s${i}`, succeeded(output)))
  isReleased(await store.commitRun(lease, turn({ record, next: park(history) })))
  return run.runId
}

export const pageTests: StoreTestGroup = {
  name: 'pages',
  tests: {
    'A15: a long history comes in pages, none of which is large while a lock is held': async ({ store }) => {
      const runId = await longRun(store, 100, 10_000)
      const { history } = await claim(store, runId)
      assert.equal(history.more, true)
      assert.ok(bytesOf(history) <= limit)
      const pages = [history, ...(await readOn(store, runId, history))]
      assert.deepEqual(
        pages.flatMap(({ steps }) => namesOf(steps)),
        Array.from({ length: 100 }, (_, i) => `s${i}`),
      )
      assert.ok(pages.length < 50, `${pages.length} pages`)
      assert.equal(pages.at(-1)?.more, false)
    },
    'A15: one row larger than a page is read without a lock': async ({ store }) => {
      const runId = await longRun(store, 3, 400_000)
      const { history } = await claim(store, runId)
      assert.equal(history.more, true)
      assert.ok(bytesOf(history) <= limit)
      const pages = [history, ...(await readOn(store, runId, history))]
      assert.deepEqual(
        pages.flatMap(({ steps }) => namesOf(steps)),
        ['s0', 's1', 's2'],
      )
      assert.ok(pages.flatMap(({ steps }) => steps).every(({ output }) => output?.length === 200_000))
    },
    'A15: what a commit hands back comes in pages too': async ({ store }) => {
      const plans = Array.from({ length: 40 }, (_, i) => rpc(`s${i}`))
      const { runId } = await parked(store, plans)
      const { lease, history } = await claim(store, runId)
      const steps = await Promise.all(plans.map((plan) => claimStep(store, runId, plan.id.name)))
      await Promise.all(steps.map((step) => store.settleStep(step.lease, succeeded('x'.repeat(10_000)))))
      const held = await hold(store, lease, { after: history.revision, record: [inline('own')] })
      assert.equal(held.more, true)
      assert.ok(bytesOf(held) <= limit)
      assert.deepEqual(namesOf(held.recorded), ['own'])
      const pages = [held, ...(await readOn(store, runId, held))]
      const others = pages.flatMap((page) => page.steps).filter(({ kind }) => kind === 'rpc')
      assert.equal(others.length, 40)
      const seqs = others.map(({ settledSeq }) => settledSeq ?? 0)
      assert.deepEqual(
        seqs,
        [...seqs].sort((a, b) => a - b),
      )
    },
    'A15: signals and steps are cut at one place of their common order': async ({ store }) => {
      const { run } = await store.createRun(newRun())
      const { runId } = run
      const payload = 'y'.repeat(20_000)
      for (let i = 0; i < 6; i += 1) {
        const { lease, history } = await claim(store, runId)
        await store.commitRun(
          lease,
          turn({ record: [inline('s', succeeded(payload), { id: id('s', i) })], next: park(history) }),
        )
        await store.signalRun({ kind: 'signal', runId, signalId: freshId('signal'), name: `g${i}`, payload })
      }
      const { history } = await claim(store, runId)
      assert.equal(history.more, true)
      const inPages: number[] = []
      for (const page of [history, ...(await readOn(store, runId, history))]) {
        assert.ok(bytesOf(page) <= limit)
        const signals = page.signals.map(({ name, revision }) => ({ n: Number(name.slice(1)) * 2 + 1, revision }))
        const rows = [...page.steps.map((step) => ({ n: step.id.ordinal * 2, revision: step.revision })), ...signals]
        inPages.push(...rows.sort((a, b) => a.revision - b.revision).map(({ n }) => n))
      }
      assert.deepEqual(
        inPages,
        Array.from({ length: 12 }, (_, i) => i),
        'no holes',
      )
    },
    'a thousand small steps are read in few pages': async ({ store }) => {
      const runId = await longRun(store, 1_000, 20)
      const { history } = await claim(store, runId)
      const pages = [history, ...(await readOn(store, runId, history))]
      assert.equal(pages.flatMap(({ steps }) => steps).length, 1_000)
      assert.ok(pages.length <= 10, `${pages.length} pages`)
    },
    'A4: whatever happens to a step, it is among what changed': async (world) => {
      const { store } = world
      const { runId, revision } = await parked(store, [rpc('a')])
      let after = revision
      const changed = async (): Promise<unknown> => {
        const changes = await store.readChanges(runId, after)
        after = changes.revision
        return changes.steps.map(({ status, attempt, lost }) => [status, attempt, lost])
      }
      const first = await claimStep(store, runId, 'a')
      assert.deepEqual(await changed(), [['running', 1, 0]])
      await store.settleStep(first.lease, retry(0))
      assert.deepEqual(await changed(), [['scheduled', 1, 0]])
      for (const entered of [false, true]) {
        const { lease } = await claimStep(store, runId, 'a')
        assert.deepEqual(await changed(), [['running', 2, 0]])
        await store.releaseStep(lease, { entered, delayMs: 0 })
        assert.deepEqual(await changed(), [['scheduled', entered ? 2 : 1, entered ? 1 : 0]])
      }
      await claimStep(store, runId, 'a', { leaseMs: minute })
      assert.deepEqual(await changed(), [['running', 3, 1]])
      await world.advance(2 * minute)
      const last = await claimStep(store, runId, 'a')
      assert.deepEqual(await changed(), [['running', 4, 2]])
      await store.settleStep(last.lease, succeeded())
      assert.deepEqual(await changed(), [['succeeded', 4, 2]])
      assert.deepEqual(await changed(), [])
    },
    'the changes since a revision are only those': async ({ store }) => {
      const runId = await longRun(store, 20, 10)
      const { history } = await claim(store, runId)
      const changes = await store.readChanges(runId, history.steps[14]?.revision ?? 0)
      assert.deepEqual(namesOf(changes.steps), ['s15', 's16', 's17', 's18', 's19'])
      assert.deepEqual([changes.revision, changes.more], [history.revision, false])
      const none = await store.readChanges(runId, history.revision)
      assert.deepEqual([none.steps, none.revision, none.more], [[], history.revision, false])
    },
  },
}

import assert from 'node:assert/strict'
import type { RunId, RunQuery, WorkflowReader } from '../../contract/index.ts'
import {
  child,
  claim,
  claimStep,
  completed,
  failed,
  hold,
  hour,
  inline,
  isReleased,
  minute,
  newRun,
  park,
  parked,
  rejectsAsLost,
  retry,
  rpc,
  sleep,
  succeeded,
  suspend,
  turn,
} from './given.ts'
import type { StoreTestGroup, World } from './world.ts'

async function idsOf(reader: WorkflowReader, query: Partial<RunQuery> = {}): Promise<RunId[]> {
  return (await reader.listRuns({ limit: 100, ...query })).runs.map(({ runId }) => runId)
}

/** Runs created a minute apart, oldest first. */
async function minuteByMinute(world: World, count: number): Promise<RunId[]> {
  const runIds: RunId[] = []
  for (let i = 0; i < count; i += 1) {
    const { run } = await world.store.createRun(newRun({ tags: [i % 2 ? 'odd' : 'even', 'all'] }))
    runIds.push(run.runId)
    await world.advance(minute)
  }
  return runIds
}

export const readerTests: StoreTestGroup = {
  name: 'reader',
  tests: {
    'F33: unknown runs': async ({ store, reader }) => {
      for (const runId of ['nobody', '', 'not-a-uuid', "'"]) {
        assert.equal(await reader.getRun(runId), null)
        assert.deepEqual(await reader.listSteps(runId), [])
        assert.deepEqual(await reader.listAttempts(runId), [])
        const nothing = { steps: [], signals: [], revision: 7, more: false }
        assert.deepEqual(await store.readChanges(runId, 7), nothing)
      }
    },
    'steps are listed in the order they were asked for, with what a person wants to see': async ({ store, reader }) => {
      const given = newRun()
      const started = child(given.runId, 'd', { input: '"for the child"' })
      const { runId } = await parked(store, [rpc('c'), sleep('b', hour), suspend('a'), started], given)
      await claimStep(store, runId, 'c', { owner: 'the worker' })
      const { lease } = await claim(store, runId, { owner: 'the orchestrator' })
      await hold(store, lease, { record: [inline('z', succeeded('"Z"'))] })
      const steps = await reader.listSteps(runId)
      assert.deepEqual(
        steps.map(({ id, status, input, worker }) => [id.name, status, input, worker]),
        [
          ['c', 'running', '"to c"', 'the worker'],
          ['b', 'scheduled', null, null],
          ['a', 'scheduled', null, null],
          ['d', 'scheduled', '"for the child"', null],
          ['z', 'succeeded', null, 'the orchestrator'],
        ],
      )
      const [c, b, , , z] = steps
      assert.ok(c && b && z && c.startedAt !== null && c.startedAt >= c.createdAt)
      assert.equal(b.startedAt, null)
      assert.ok(z.startedAt !== null && z.settledAt !== null && z.startedAt <= z.settledAt)
    },
    'F61: every attempt is on record, in the order they ended': async (world) => {
      const { store, reader } = world
      const { runId } = await parked(store, [rpc('a'), rpc('b'), suspend('no attempt')])
      await store.signalRun({ kind: 'signal', runId, signalId: 'once', name: 'no attempt', payload: '""' })
      const a1 = await claimStep(store, runId, 'a')
      const b1 = await claimStep(store, runId, 'b', { leaseMs: 3 * hour })
      await world.advance(5_000)
      await store.settleStep(a1.lease, retry(0, '"E1"'))
      const a2 = await claimStep(store, runId, 'a', { leaseMs: minute, owner: 'dies' })
      await world.advance(hour)
      const a3 = await claimStep(store, runId, 'a')
      await store.settleStep(b1.lease, failed('"B"'))
      await store.settleStep(a3.lease, succeeded('"A"'))
      assert.deepEqual([a1.attempt, a2.attempt, a3.attempt, a3.lost], [1, 2, 3, 1])
      const attempts = await reader.listAttempts(runId)
      assert.deepEqual(
        attempts.map(({ step, attempt, outcome, output, error }) => [step.name, attempt, outcome, output, error]),
        [
          ['a', 1, 'failed', null, '"E1"'],
          ['a', 2, 'lost', null, null],
          ['b', 1, 'failed', null, '"B"'],
          ['a', 3, 'succeeded', '"A"', null],
        ],
      )
    },
    'a step that is tried again shows neither error nor timer while it runs': async (world) => {
      const { store, reader } = world
      const { runId } = await parked(store, [rpc('a')])
      await store.settleStep((await claimStep(store, runId, 'a')).lease, retry(minute, '"E1"'))
      const shown = async (): Promise<unknown> => {
        const { steps } = await store.readChanges(runId, 0)
        return [...steps, ...(await reader.listSteps(runId))].map(({ error, dueInMs }) => [error, dueInMs !== null])
      }
      const [waits, runs] = [
        ['"E1"', true],
        [null, false],
      ]
      assert.deepEqual(await shown(), [waits, waits])
      await world.advance(2 * minute)
      const { lease } = await claimStep(store, runId, 'a')
      assert.deepEqual(await shown(), [runs, runs])
      await store.settleStep(lease, succeeded())
      assert.deepEqual(await shown(), [runs, runs])
    },
    'runs are listed newest first, page by page': async (world) => {
      const runIds = (await minuteByMinute(world, 7)).reverse()
      const pages: RunId[][] = []
      let cursor: string | null | undefined
      do {
        const query = cursor ? { limit: 3, cursor } : { limit: 3 }
        const page = await world.reader.listRuns(query)
        pages.push(page.runs.map(({ runId }) => runId))
        cursor = page.cursor
      } while (cursor)
      assert.deepEqual(pages.flat(), runIds)
      assert.equal(pages.length, 3)
    },
    'runs made in one moment are paged without loss or repetition': async ({ store, reader }) => {
      const runs = await Promise.all(Array.from({ length: 25 }, () => store.createRun(newRun())))
      const seen: RunId[] = []
      let cursor: string | null | undefined
      do {
        const page = await reader.listRuns(cursor ? { limit: 4, cursor } : { limit: 4 })
        seen.push(...page.runs.map(({ runId }) => runId))
        cursor = page.cursor
      } while (cursor)
      assert.deepEqual([...seen].sort(), runs.map(({ run }) => run.runId).sort())
    },
    'a page is stable under inserts': async (world) => {
      const runIds = (await minuteByMinute(world, 6)).reverse()
      const first = await world.reader.listRuns({ limit: 3 })
      await world.store.createRun(newRun())
      const rest = await world.reader.listRuns({ limit: 10, cursor: first.cursor ?? '' })
      assert.deepEqual(
        [...first.runs, ...rest.runs].map(({ runId }) => runId),
        runIds,
      )
    },
    'an exact page is the last one': async (world) => {
      await minuteByMinute(world, 3)
      assert.equal((await world.reader.listRuns({ limit: 3 })).cursor, null)
      assert.notEqual((await world.reader.listRuns({ limit: 2 })).cursor, null)
    },
    'runs are found by workflow, status, tags and time': async (world) => {
      const { store, reader } = world
      const runIds = await minuteByMinute(world, 6)
      const { run: foreign } = await store.createRun(newRun({ workflow: 'other', tags: ['all', "o'dd {,}"] }))
      const ended = await completed(store, newRun({ tags: ['all'] }))
      await store.cancelRun(runIds[0] ?? '', 'enough')
      const newest = [ended, foreign.runId, ...[...runIds].reverse()]
      assert.deepEqual(await idsOf(reader), newest)
      assert.deepEqual(await idsOf(reader, { workflow: 'other' }), [foreign.runId])
      assert.deepEqual(await idsOf(reader, { statuses: ['completed', 'cancelled'] }), [ended, runIds[0]])
      assert.deepEqual(await idsOf(reader, { statuses: [] }), [])
      assert.deepEqual(await idsOf(reader, { tags: ['odd', 'all'] }), [runIds[5], runIds[3], runIds[1]])
      assert.deepEqual(await idsOf(reader, { tags: ["o'dd {,}"] }), [foreign.runId])
      assert.deepEqual(await idsOf(reader, { tags: ['odd', 'even'] }), [])
      const third = await reader.getRun(runIds[2] ?? '')
      assert.ok(third)
      const around = { createdAfter: third.createdAt - 1_000, createdBefore: third.createdAt + 1_000 }
      assert.deepEqual(await idsOf(reader, around), [third.runId])
      const { createdAt } = third
      assert.deepEqual(
        await idsOf(reader, { createdAfter: createdAt, createdBefore: createdAt + 1_000 }),
        [],
        'exclusive',
      )
      assert.deepEqual(
        await idsOf(reader, { createdAfter: createdAt - 1_000, createdBefore: createdAt }),
        [],
        'exclusive',
      )
      const later = await idsOf(reader, { createdAfter: third.createdAt })
      const earlier = await idsOf(reader, { createdBefore: third.createdAt })
      assert.deepEqual([later, earlier], [newest.slice(0, 5), newest.slice(6)])
    },
    'updatedAt tells when something last happened to a run': async (world) => {
      const { store, reader } = world
      const { runId } = await parked(store, [rpc('a'), rpc('b'), suspend('p')])
      const updatedAt = async (): Promise<number> => (await reader.getRun(runId))?.updatedAt ?? 0
      const happens = async <T>(what: string, happening: () => Promise<T>): Promise<T> => {
        const before = await updatedAt()
        await world.advance(hour)
        const answer = await happening()
        assert.ok((await updatedAt()) >= before + hour, what)
        return answer
      }
      const long = { leaseMs: 100 * hour }
      const a = await happens('claimStep', () => claimStep(store, runId, 'a', long))
      await happens('settleStep', () => store.settleStep(a.lease, succeeded()))
      const b = await claimStep(store, runId, 'b', long)
      await happens('releaseStep', () => store.releaseStep(b.lease, { entered: false, delayMs: 0 }))
      const sent = { kind: 'signal', runId, signalId: 'once', name: 'x', payload: '""' } as const
      await happens('signalRun', () => store.signalRun(sent))
      const { lease, history } = await happens('claimRun', () => claim(store, runId, long))
      await happens('commitRun', () => hold(store, lease, { after: history.revision, record: [inline('own')] }))
      await happens('cancelRun', () => store.cancelRun(runId, 'enough'))
    },
    'F29: a step with an empty output has one': async ({ store, reader }) => {
      const { runId } = await parked(store, [rpc('a')])
      await store.settleStep((await claimStep(store, runId, 'a')).lease, succeeded(''))
      assert.deepEqual(
        (await reader.listSteps(runId)).map(({ output, error }) => [output, error]),
        [['', null]],
      )
      assert.deepEqual(
        (await reader.listAttempts(runId)).map(({ output }) => output),
        [''],
      )
      const { lease } = await claim(store, runId)
      await store.commitRun(lease, turn({ next: { kind: 'complete', output: '' } }))
      assert.equal((await reader.getRun(runId))?.output, '')
    },
  },
}

export const adminTests: StoreTestGroup = {
  name: 'admin',
  tests: {
    'F45: ended runs are deleted with every trace, oldest first': async (world) => {
      const { store, reader, admin } = world
      const open = await parked(store, [suspend('p')])
      const given = newRun()
      const first = await parked(store, [rpc('a')], given)
      const sent = { kind: 'signal', runId: first.runId, signalId: 'once', name: 'x', payload: '""' } as const
      await store.signalRun(sent)
      await store.settleStep((await claimStep(store, first.runId, 'a')).lease, retry(0))
      await store.settleStep((await claimStep(store, first.runId, 'a')).lease, succeeded())
      const { lease } = await claim(store, first.runId)
      await store.commitRun(lease, turn({ next: { kind: 'complete', output: '' } }))
      await world.advance(minute)
      const second = await completed(store)
      await world.advance(minute)
      const third = await completed(store)
      const finishedBefore = ((await reader.getRun(third))?.endedAt ?? 0) - 1_000
      assert.equal(await admin.deleteRuns({ finishedBefore, limit: 1 }), 1)
      assert.equal(await reader.getRun(first.runId), null)
      assert.deepEqual(await reader.listSteps(first.runId), [])
      assert.deepEqual(await reader.listAttempts(first.runId), [])
      assert.equal(await admin.deleteRuns({ finishedBefore, limit: 100 }), 1)
      assert.equal(await admin.deleteRuns({ finishedBefore, limit: 100 }), 0)
      assert.deepEqual(await idsOf(reader), [third, open.runId])
      assert.equal(await reader.getRun(second), null)
    },
    'what ended first is deleted first, and only what ended before': async (world) => {
      const { store, reader, admin } = world
      const { run } = await store.createRun(newRun())
      const first = await completed(store)
      await world.advance(minute)
      await store.cancelRun(run.runId, 'enough')
      const endedAt = (await reader.getRun(first))?.endedAt ?? 0
      assert.equal(await admin.deleteRuns({ finishedBefore: endedAt, limit: 9 }), 0)
      assert.equal(await admin.deleteRuns({ finishedBefore: endedAt + hour, limit: 1 }), 1)
      assert.deepEqual(await idsOf(reader), [run.runId])
    },
    'a deleted id is free again, with nothing left of before': async (world) => {
      const { store, reader, admin } = world.unwatched()
      const given = newRun()
      const live = async (error: string): Promise<void> => {
        await parked(store, [rpc('a')], given)
        await store.settleStep((await claimStep(store, given.runId, 'a')).lease, retry(0, error))
        const attempts = await reader.listAttempts(given.runId)
        assert.deepEqual(
          attempts.map((attempt) => [attempt.attempt, attempt.error]),
          [[1, error]],
        )
      }
      await live('"first life"')
      const sent = { kind: 'signal', runId: given.runId, signalId: 'once', name: 'x', payload: '""' } as const
      await store.signalRun(sent)
      await store.cancelRun(given.runId, 'enough')
      const endedAt = (await reader.getRun(given.runId))?.endedAt ?? 0
      assert.equal(await admin.deleteRuns({ finishedBefore: endedAt + hour, limit: 9 }), 1)
      assert.equal((await store.createRun(given)).created, true)
      assert.equal((await store.signalRun(sent)).accepted, true)
      const { lease, history } = await claim(store, given.runId)
      assert.deepEqual([history.steps, history.signals.length], [[], 1])
      isReleased(await store.commitRun(lease, turn({ next: park(history) })))
      await live('"second life"')
    },
    'a lease from before a run was deleted writes nothing to the run that has its id now': async (world) => {
      const { store, reader, admin } = world.unwatched()
      const given = newRun()
      const begin = async () => {
        await store.createRun(given)
        const run = await claim(store, given.runId, { leaseMs: hour })
        const { revision } = await hold(store, run.lease, { schedule: [rpc('a')] })
        return { run: run.lease, step: (await claimStep(store, given.runId, 'a')).lease, revision }
      }
      const before = await begin()
      await store.cancelRun(given.runId, 'enough')
      const endedAt = (await reader.getRun(given.runId))?.endedAt ?? 0
      assert.equal(await admin.deleteRuns({ finishedBefore: endedAt + hour, limit: 9 }), 1)
      const now = await begin()
      // The epochs of the new run may have begun anew: then they are the same.
      const old = {
        run: { ...before.run, epoch: now.run.epoch },
        step: { ...before.step, epoch: now.step.epoch },
      }
      const record = [inline('own')]
      await rejectsAsLost(store.commitRun(old.run, turn({ number: 2, after: now.revision + 1, record })))
      await rejectsAsLost(store.commitRun(old.run, turn({ number: 3, next: { kind: 'complete', output: '"old"' } })))
      assert.equal(await store.settleStep(old.step, succeeded('"old"')), null)
      await store.releaseStep(old.step, { entered: false, delayMs: 0 })
      const { lost } = await store.renewLeases([old.run, old.step, now.run, now.step], hour)
      assert.deepEqual(lost.map(({ claimId }) => claimId).sort(), [old.run.claimId, old.step.claimId].sort())
      assert.ok(await store.settleStep(now.step, succeeded('"now"')))
      assert.equal((await reader.getRun(given.runId))?.status, 'running')
      const steps = await reader.listSteps(given.runId)
      assert.deepEqual(
        steps.map(({ id, output }) => [id.name, output]),
        [['a', '"now"']],
      )
    },
    'only the given statuses are deleted': async ({ store, reader, admin }) => {
      const kept = await completed(store)
      const { run } = await store.createRun(newRun())
      await store.cancelRun(run.runId, 'enough')
      const finishedBefore = ((await reader.getRun(kept))?.endedAt ?? 0) + hour
      assert.equal(await admin.deleteRuns({ finishedBefore, statuses: ['cancelled'], limit: 9 }), 1)
      assert.deepEqual(await idsOf(reader), [kept])
    },
    'F53: migrating again, from many processes at once, changes nothing': async (world) => {
      const { run } = await world.store.createRun(newRun())
      const others = await Promise.all(Array.from({ length: 4 }, () => world.sibling()))
      const admins = [world.admin, ...others.map(({ admin }) => admin)]
      await Promise.all(Array.from({ length: 20 }, (_, i) => (admins[i % 5] ?? world.admin).migrate()))
      assert.deepEqual(await world.reader.getRun(run.runId), run)
    },
  },
}

import assert from 'node:assert/strict'
import {
  child,
  claim,
  claimAsk,
  claimStep,
  completed,
  failed,
  freshId,
  hold,
  hour,
  id,
  inline,
  isHeld,
  isReleased,
  minute,
  namesOf,
  newRun,
  park,
  parked,
  rejectsAsLost,
  retry,
  rpc,
  runIdsOf,
  sleep,
  stepItems,
  succeeded,
  suspend,
  sweepAsk,
  turn,
  withoutTime,
} from './given.ts'
import type { StoreTestGroup } from './world.ts'

export const commitRunTests: StoreTestGroup = {
  name: 'commitRun',
  tests: {
    'steps are scheduled, and rpc steps and children rung': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const { lease } = await claim(store, run.runId)
      const started = child(run.runId, 'child', { input: '"for the child"', workflow: 'part' })
      const schedule = [rpc('a'), sleep('s', hour), suspend('approve'), started]
      const held = await hold(store, lease, { schedule })
      assert.deepEqual(namesOf(held.steps).sort(), ['a', 'approve', 'child', 's'])
      assert.deepEqual(stepItems(held.wake), [
        { kind: 'step', runId: run.runId, step: id('a'), rpcName: 'work', attempt: 1, dispatch: 0 },
      ])
      assert.deepEqual(runIdsOf(held.wake), [started.child.runId])
      const steps = await reader.listSteps(run.runId)
      assert.deepEqual(namesOf(steps), ['a', 's', 'approve', 'child'])
      assert.deepEqual(
        steps.map(({ kind, rpcName }) => [kind, rpcName]),
        [
          ['rpc', 'work'],
          ['sleep', null],
          ['suspend', null],
          ['child', 'part'],
        ],
      )
      assert.equal(steps[0]?.input, '"to a"')
      const childRun = await reader.getRun(started.child.runId)
      assert.deepEqual([childRun?.input, childRun?.parent], ['"for the child"', started.child.parent])
    },
    'inline records come back as settlements and not among the steps': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const { lease } = await claim(store, run.runId)
      const record = [inline('a', succeeded('"A"')), inline('b', failed('"B"'))]
      const held = await hold(store, lease, { record })
      assert.deepEqual(held.steps, [])
      assert.deepEqual(namesOf(held.recorded), ['a', 'b'])
      const steps = await reader.listSteps(run.runId)
      const shown = steps.map(({ kind, status, output, error, attempt }) => [kind, status, output, error, attempt])
      assert.deepEqual(shown, [
        ['inline', 'succeeded', '"A"', null, 1],
        ['inline', 'failed', null, '"B"', 1],
      ])
      assert.deepEqual(
        steps.map(({ settledSeq }) => settledSeq),
        held.recorded.map(({ settledSeq }) => settledSeq),
      )
      const [first, second] = held.recorded
      assert.ok(first && second && first.settledSeq < second.settledSeq && second.settledSeq <= held.revision)
    },
    'F27 F29 F32: outputs and errors come back exactly': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const { lease } = await claim(store, run.runId)
      const texts = ['', '0', 'false', 'null', '[]', '"\\u0000"', "'; $1", '9007199254740993', '  ', '日本 😀']
      const record = texts.map((text, i) => inline(`s${i}`, i % 2 ? failed(text) : succeeded(text)))
      await hold(store, lease, { record })
      const steps = await reader.listSteps(run.runId)
      assert.deepEqual(
        steps.map(({ output, error }) => output ?? error),
        texts,
      )
    },
    'A36: every change of a row has a revision of its own': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const { lease, history } = await claim(store, run.runId)
      const first = await hold(store, lease, {
        record: [inline('a'), inline('b'), inline('c')],
        schedule: [rpc('d'), sleep('e', hour)],
      })
      const record = Array.from({ length: 1200 }, (_, i) => inline(`n${i}`))
      const second = await hold(store, lease, { number: 2, after: first.revision, record })
      assert.equal(new Set(second.recorded.map(({ settledSeq }) => settledSeq)).size, 1200)
      const revisions = (await reader.listSteps(run.runId)).map(({ revision }) => revision)
      assert.equal(new Set(revisions).size, 1205)
      assert.deepEqual(
        [...revisions].sort((a, b) => a - b),
        revisions,
        'in the order in which they were recorded and asked for',
      )
      const [least = 0, most = 0] = [revisions[0], revisions.at(-1)]
      assert.ok(least > history.revision && (revisions[4] ?? 0) <= first.revision && most <= second.revision)
    },
    'F21: a name is used again under another ordinal': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const { lease } = await claim(store, run.runId)
      const record = [0, 1, 2].map((n) => inline('same', succeeded(`"${n}"`), { id: id('same', n) }))
      await hold(store, lease, { record })
      assert.deepEqual(
        (await reader.listSteps(run.runId)).map(({ output }) => output),
        ['"0"', '"1"', '"2"'],
      )
    },
    'scheduling a step twice is one row': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const { lease } = await claim(store, run.runId)
      const first = await hold(store, lease, { schedule: [rpc('a')] })
      const second = await hold(store, lease, {
        number: 2,
        after: first.revision,
        schedule: [rpc('a', { input: '"other"' })],
      })
      assert.deepEqual(second.wake, [])
      const steps = await reader.listSteps(run.runId)
      assert.deepEqual(
        steps.map(({ input }) => input),
        ['"to a"'],
      )
    },
    'F17: a settled step is never written again': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const { lease } = await claim(store, run.runId)
      await hold(store, lease, { record: [inline('a', succeeded('"first"'))] })
      await hold(store, lease, { number: 2, record: [inline('a', succeeded('"second"'))] })
      const { revision: after } = await hold(store, lease, { number: 3, record: [inline('a', failed('"third"'))] })
      await hold(store, lease, { number: 4, after, record: [inline('a', succeeded('"fourth"'))] })
      const [step] = await reader.listSteps(run.runId)
      assert.deepEqual([step?.output, step?.status], ['"first"', 'succeeded'])
    },
    'A13: a turn already applied answers as it did the first time': async (world) => {
      const other = (await world.sibling()).store
      // A neighbour with steps of the same names.
      const { run: neighbour } = await world.store.createRun(newRun())
      const record = [inline('z'), inline('a'), inline('b')]
      await hold(world.store, (await claim(world.store, neighbour.runId)).lease, { record })
      const { run } = await world.store.createRun(newRun())
      const { lease } = await claim(world.store, run.runId)
      const taken = turn({ record: [inline('a')], schedule: [rpc('b'), child(run.runId, 'c')] })
      const first = await world.store.commitRun(lease, taken)
      for (const store of [world.store, other]) {
        assert.deepEqual(withoutTime(await store.commitRun(lease, taken)), withoutTime(first))
      }
      assert.equal((await world.reader.listSteps(run.runId)).length, 3)
    },
    'A13: a turn that arrives once more after later ones writes nothing': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const { lease } = await claim(store, run.runId)
      const early = turn({ record: [inline('a', retry(0))], schedule: [rpc('b')] })
      await store.commitRun(lease, early)
      await hold(store, lease, { number: 2, record: [inline('a', retry(minute), { attempt: 2 })] })
      const { revision } = await store.readChanges(run.runId, 0)
      await store.commitRun(lease, early)
      assert.equal((await store.readChanges(run.runId, 0)).revision, revision)
      assert.deepEqual(
        (await reader.listAttempts(run.runId)).map(({ attempt }) => attempt),
        [1, 2],
      )
      await hold(store, lease, { number: 3, record: [inline('a', succeeded(), { attempt: 3 })] })
    },
    'A13: a release already applied answers as it did the first time': async ({ store, reader }) => {
      const moves = [
        { kind: 'park', wakeSeq: 1 },
        { kind: 'yield', delayMs: 0 },
        { kind: 'yield', delayMs: hour },
        { kind: 'suspend', wakeSeq: 1, reason: 'ask' },
        { kind: 'suspend', wakeSeq: 1, reason: 'diverged', codeHash: 'code-1' },
        { kind: 'complete', output: '"end"' },
        { kind: 'fail', error: '"end"' },
        { kind: 'cancel', reason: 'end' },
      ] as const
      for (const move of moves) {
        const { run } = await store.createRun(newRun())
        const { lease, history } = await claim(store, run.runId)
        const next = 'wakeSeq' in move ? { ...move, wakeSeq: history.wakeSeq } : move
        const taken = turn({ record: [inline('a')], next })
        const first = isReleased(await store.commitRun(lease, taken))
        assert.deepEqual(await store.commitRun(lease, taken), first, move.kind)
        assert.equal((await reader.listSteps(run.runId)).length, 1)
      }
    },
    'A9: a superseded epoch writes nothing, in the same event-loop turn as a good one': async (world) => {
      const { store, reader } = world
      const { run } = await store.createRun(newRun())
      const zombie = (await claim(store, run.runId)).lease
      await world.advance(hour)
      const { lease } = await claim(store, run.runId)
      const others = await Promise.all(Array.from({ length: 5 }, () => store.createRun(newRun())))
      const leases = await Promise.all(others.map(async (other) => (await claim(store, other.run.runId)).lease))
      const writes = [
        store.commitRun(zombie, turn({ record: [inline('of the zombie')] })),
        store.commitRun(lease, turn({ record: [inline('good')] })),
        store.commitRun(
          zombie,
          turn({ number: 2, record: [inline('of the zombie')], next: { kind: 'complete', output: '' } }),
        ),
        ...leases.map((one) => store.commitRun(one, turn({ record: [inline('good')] }))),
      ]
      const answers = await Promise.allSettled(writes)
      assert.deepEqual(
        answers.map(({ status }) => status),
        ['rejected', 'fulfilled', 'rejected', ...leases.map(() => 'fulfilled')],
      )
      for (const runId of [run.runId, ...others.map((one) => one.run.runId)]) {
        assert.deepEqual(namesOf(await reader.listSteps(runId)), ['good'])
      }
      await rejectsAsLost(store.commitRun(zombie, turn({ number: 3 })))
    },
    'a lease given back writes nothing': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const { lease, history } = await claim(store, run.runId)
      await store.commitRun(lease, turn({ next: park(history) }))
      await rejectsAsLost(store.commitRun(lease, turn({ number: 2, record: [inline('a')] })))
      await rejectsAsLost(store.commitRun({ ...lease, runId: freshId('nobody') }, turn()))
      assert.deepEqual(await reader.listSteps(run.runId), [])
    },
    'A22: a lease that merely ran out still writes': async (world) => {
      const { run } = await world.store.createRun(newRun())
      const { lease } = await claim(world.store, run.runId, { leaseMs: minute })
      await world.advance(hour)
      await hold(world.store, lease, { record: [inline('a')] })
      assert.deepEqual(namesOf(await world.reader.listSteps(run.runId)), ['a'])
    },
    'F17: the end is final': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const { lease } = await claim(store, run.runId)
      isReleased(await store.commitRun(lease, turn({ next: { kind: 'complete', output: '"end"' } })))
      const ended = await reader.getRun(run.runId)
      assert.deepEqual([ended?.status, ended?.output, ended?.error], ['completed', '"end"', null])
      await rejectsAsLost(store.commitRun(lease, turn({ number: 2, next: { kind: 'fail', error: '"no"' } })))
      assert.equal((await store.cancelRun(run.runId, 'no')).cancelled, false)
      assert.equal((await store.signalRun({ kind: 'resume', runId: run.runId })).accepted, false)
      assert.deepEqual(await reader.getRun(run.runId), ended)
    },
    'fail and cancel end a run too': async ({ store, reader }) => {
      for (const next of [
        { kind: 'fail', error: '"E"' },
        { kind: 'cancel', reason: 'R' },
      ] as const) {
        const { run } = await store.createRun(newRun())
        const { lease } = await claim(store, run.runId)
        await store.commitRun(lease, turn({ next }))
        const ended = await reader.getRun(run.runId)
        const expected = next.kind === 'fail' ? ['failed', '"E"', null] : ['cancelled', null, 'R']
        assert.deepEqual([ended?.status, ended?.error, ended?.reason], expected)
        assert.equal(await store.claimRun(claimAsk(run.runId)), null)
      }
    },
    'park is refused when the run was woken since, and hands over why': async ({ store }) => {
      const { runId } = await parked(store, [rpc('a')])
      const { lease, history } = await claim(store, runId)
      const step = await claimStep(store, runId, 'a')
      const settled = await store.settleStep(step.lease, succeeded('"A"'))
      const held = isHeld(await store.commitRun(lease, turn({ after: history.revision, next: park(history) })))
      assert.deepEqual(namesOf(held.steps), ['a'])
      assert.equal(held.steps[0]?.settledSeq, settled?.settledSeq)
      assert.ok(held.wakeSeq > history.wakeSeq)
      isReleased(await store.commitRun(lease, turn({ number: 2, after: held.revision, next: park(held) })))
    },
    'A17: park is refused when this very commit settled a sleep': async (world) => {
      const { store } = world
      const { run } = await store.createRun(newRun())
      const { lease, history } = await claim(store, run.runId, { leaseMs: hour })
      const first = await hold(store, lease, { schedule: [sleep('s', minute)] })
      await world.advance(2 * minute)
      const held = isHeld(await store.commitRun(lease, turn({ number: 2, after: first.revision, next: park(history) })))
      assert.deepEqual(namesOf(held.steps), ['s'])
      assert.equal(held.steps[0]?.status, 'succeeded')
      isReleased(await store.commitRun(lease, turn({ number: 3, after: held.revision, next: park(held) })))
    },
    'A16: yield gives the lease back with work left, at once': async ({ store }) => {
      const { run } = await store.createRun(newRun())
      const { lease } = await claim(store, run.runId)
      const { wake } = isReleased(await store.commitRun(lease, turn({ next: { kind: 'yield', delayMs: 0 } })))
      assert.deepEqual(wake, [{ kind: 'run', runId: run.runId, workflow: 'order' }])
      assert.deepEqual((await store.sweep(sweepAsk())).items, [], 'it was rung just now')
      await claim(store, run.runId, { owner: 'worker-2' })
    },
    'A16: yield with a delay is rung by the sweep when it is over': async (world) => {
      const { store } = world
      const { run } = await store.createRun(newRun())
      const { lease } = await claim(store, run.runId)
      const { wake } = isReleased(await store.commitRun(lease, turn({ next: { kind: 'yield', delayMs: hour } })))
      assert.deepEqual(wake, [])
      await world.advance(30 * minute)
      assert.deepEqual((await store.sweep(sweepAsk())).items, [])
      await world.advance(31 * minute)
      assert.deepEqual(runIdsOf((await store.sweep(sweepAsk())).items), [run.runId])
    },
    'an inline step that failed with an attempt left waits for its time': async (world) => {
      const { store } = world
      const { run } = await store.createRun(newRun())
      const { lease, history } = await claim(store, run.runId)
      const held = await hold(store, lease, { record: [inline('a', retry(hour, '"E1"'))] })
      assert.deepEqual([held.recorded, held.steps], [[], []])
      isReleased(await store.commitRun(lease, turn({ number: 2, after: held.revision, next: park(history) })))
      assert.deepEqual((await store.sweep(sweepAsk())).items, [])
      await world.advance(hour + minute)
      assert.deepEqual(runIdsOf((await store.sweep(sweepAsk())).items), [run.runId])
      const again = await claim(store, run.runId)
      const step = again.history.steps[0]
      assert.deepEqual([step?.status, step?.error, step?.attempt], ['scheduled', '"E1"', 1])
      assert.ok(step?.dueInMs !== null && step?.dueInMs !== undefined && step.dueInMs <= 0)
      const record = [inline('a', succeeded('"ok"'), { attempt: 2 })]
      const second = await hold(store, again.lease, { after: again.history.revision, record })
      assert.deepEqual([namesOf(second.recorded), second.steps], [['a'], []])
      const settled = (await world.reader.listSteps(run.runId))[0]
      assert.deepEqual([settled?.settledSeq, settled?.dueInMs], [second.recorded[0]?.settledSeq, null])
      const attempts = await world.reader.listAttempts(run.runId)
      assert.deepEqual(
        attempts.map(({ attempt, outcome, error, output }) => [attempt, outcome, error, output]),
        [
          [1, 'failed', '"E1"', null],
          [2, 'succeeded', null, '"ok"'],
        ],
      )
    },
    'A10: a sleep of a hundred years is fine': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const { lease } = await claim(store, run.runId)
      const century = 100 * 365 * 24 * hour
      await hold(store, lease, { schedule: [sleep('long', century)] })
      const [step] = await reader.listSteps(run.runId)
      assert.ok(step?.dueInMs && step.dueInMs > century - minute && step.dueInMs <= century)
    },
    'commits of many runs in one event-loop turn are each answered with their own': async (world) => {
      const { store, reader } = world
      const runs = await Promise.all(Array.from({ length: 40 }, () => store.createRun(newRun())))
      const leases = await Promise.all(runs.map(async ({ run }) => (await claim(store, run.runId)).lease))
      // Steps of the same names in each, so that nothing but the run tells them apart.
      const firsts = leases.map(async (lease, i) =>
        hold(store, lease, {
          schedule: [rpc('rpc', { input: `"${i}"` }), sleep('nap', minute)],
          record: [inline('own', succeeded(`"${i}"`))],
        }),
      )
      for (const [i, held] of (await Promise.all(firsts)).entries()) {
        assert.deepEqual([namesOf(held.steps), namesOf(held.recorded)], [['rpc', 'nap'], ['own']])
        assert.deepEqual(
          stepItems(held.wake).map(({ runId }) => runId),
          [leases[i]?.runId],
        )
      }
      await world.advance(2 * minute)
      const seconds = leases.map(async (lease, i) =>
        hold(store, lease, { number: 2, record: i % 2 ? [] : [inline('own again', succeeded(`"${i}"`))] }),
      )
      for (const [i, held] of (await Promise.all(seconds)).entries()) {
        const settled = held.steps.filter(({ status }) => status === 'succeeded')
        assert.deepEqual([namesOf(settled), namesOf(held.recorded)], [['own', 'nap'], i % 2 ? [] : ['own again']])
        const texts = (await reader.listSteps(leases[i]?.runId ?? '')).map(({ input, output }) => input ?? output)
        const own = `"${i}"`
        assert.deepEqual(texts, i % 2 ? [own, own, ''] : [own, own, '', own])
      }
    },
    'a completed run has nothing left to sweep': async (world) => {
      await completed(world.store)
      await world.advance(hour)
      assert.deepEqual(await world.store.sweep(sweepAsk()), { items: [], full: false, nextDueInMs: null })
    },
  },
}

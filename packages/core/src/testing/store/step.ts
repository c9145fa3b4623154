import assert from 'node:assert/strict'
import {
  claim,
  claimStep,
  failed,
  hour,
  id,
  isReleased,
  minute,
  newRun,
  parked,
  retry,
  rpc,
  runIdsOf,
  runItems,
  sleep,
  stepAsk,
  stepItems,
  succeeded,
  suspend,
  sweepAsk,
  turn,
} from './given.ts'
import type { StoreTestGroup } from './world.ts'

export const claimStepTests: StoreTestGroup = {
  name: 'claimStep',
  tests: {
    'a claim answers what the worker needs': async ({ store }) => {
      const policy = { retries: 7, retryDelayMs: 1_234 }
      const { runId } = await parked(store, [rpc('a', { input: '"😀"', policy })])
      const ask = stepAsk(runId, 'a')
      const answer = await store.claimStep(ask)
      assert.ok(answer)
      const { lease, ...rest } = answer
      assert.deepEqual(rest, { workflow: 'order', rpcName: 'work', input: '"😀"', policy, attempt: 1, lost: 0 })
      const { owner, claimId } = ask
      assert.deepEqual({ ...lease, epoch: 0 }, { runId, step: id('a'), owner, claimId, epoch: 0 })
    },
    'F1: a second delivery of the same step gets nothing': async (world) => {
      const { runId } = await parked(world.store, [rpc('a')])
      const stores = [world.store, (await world.sibling()).store]
      const asks = Array.from({ length: 30 }, (_, i) => stepAsk(runId, 'a', { owner: `worker-${i % 2}` }))
      const answers = await Promise.all(asks.map((ask, i) => (stores[i % 2] ?? world.store).claimStep(ask)))
      assert.equal(answers.filter((answer) => answer !== null).length, 1)
      const [step] = await world.reader.listSteps(runId)
      assert.deepEqual([step?.status, step?.attempt], ['running', 1])
    },
    'A13: the same claim again answers the same': async (world) => {
      const { runId } = await parked(world.store, [rpc('a')])
      const ask = stepAsk(runId, 'a')
      const first = await world.store.claimStep(ask)
      assert.ok(first)
      const other = (await world.sibling()).store
      assert.deepEqual(await other.claimStep(ask), first)
      assert.deepEqual(await Promise.all([world.store.claimStep(ask), world.store.claimStep(ask)]), [first, first])
      assert.equal((await world.reader.listSteps(runId))[0]?.attempt, 1)
    },
    'A13: a claim that arrives again after its lease was given back gets nothing': async ({ store }) => {
      const { runId } = await parked(store, [rpc('released'), rpc('retried')])
      for (const name of ['released', 'retried']) {
        const ask = stepAsk(runId, name)
        const first = await store.claimStep(ask)
        assert.ok(first)
        if (name === 'retried') await store.settleStep(first.lease, retry(0))
        else await store.releaseStep(first.lease, { entered: false, delayMs: 0 })
        assert.equal(await store.claimStep(ask), null)
        await claimStep(store, runId, name)
        assert.equal(await store.claimStep(ask), null)
      }
    },
    'A32: what is no rpc step is not claimed': async ({ store }) => {
      const { runId } = await parked(store, [sleep('s', hour), suspend('p')])
      for (const name of ['s', 'p', 'unheard of']) assert.equal(await store.claimStep(stepAsk(runId, name)), null)
      assert.equal(await store.claimStep(stepAsk('nobody', 'a')), null)
    },
    'F51: a worker without the function does not claim it': async ({ store }) => {
      const { runId } = await parked(store, [rpc('a')])
      assert.equal(await store.claimStep(stepAsk(runId, 'a', { known: ['another'] })), null)
      assert.equal(await store.claimStep(stepAsk(runId, 'a', { known: [] })), null)
      await claimStep(store, runId, 'a')
    },
    'a step of an ended run is not claimed': async ({ store }) => {
      const { runId } = await parked(store, [rpc('a')])
      await store.cancelRun(runId, 'enough')
      assert.equal(await store.claimStep(stepAsk(runId, 'a')), null)
    },
    'a settled step is not claimed': async ({ store }) => {
      const { runId } = await parked(store, [rpc('a')])
      const { lease } = await claimStep(store, runId, 'a')
      await store.settleStep(lease, succeeded())
      assert.equal(await store.claimStep(stepAsk(runId, 'a')), null)
    },
    'F10 A33: a lease that ran out is a lost attempt, on record, and the next is claimed under a new epoch': async (
      world,
    ) => {
      const { store, reader } = world
      const { runId } = await parked(store, [rpc('a')])
      const first = await claimStep(store, runId, 'a', { owner: 'dead', leaseMs: minute })
      await world.advance(2 * minute)
      const second = await claimStep(store, runId, 'a', { owner: 'heir' })
      assert.ok(second.lease.epoch > first.lease.epoch)
      assert.deepEqual([second.attempt, second.lost], [2, 1])
      const attempts = await reader.listAttempts(runId)
      assert.deepEqual(
        attempts.map(({ attempt, outcome, worker, error }) => [attempt, outcome, worker, error]),
        [[1, 'lost', 'dead', null]],
      )
      assert.equal(await store.settleStep(first.lease, succeeded('"late"')), null)
      assert.ok(await store.settleStep(second.lease, succeeded('"in time"')))
      assert.equal((await reader.listSteps(runId))[0]?.output, '"in time"')
    },
    'A19: a step of a run that waits for a person is claimed and settled': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const { lease, history } = await claim(store, run.runId)
      const next = { kind: 'suspend', wakeSeq: history.wakeSeq, reason: 'approve' } as const
      isReleased(await store.commitRun(lease, turn({ schedule: [suspend('approve'), rpc('a')], next })))
      assert.equal((await reader.getRun(run.runId))?.status, 'suspended')
      const step = await claimStep(store, run.runId, 'a')
      const settled = await store.settleStep(step.lease, succeeded())
      assert.deepEqual(runIdsOf(settled?.wake ?? []), [run.runId])
      assert.equal((await claim(store, run.runId)).history.run.status, 'running')
    },
    'A19: a step of a run that the engine suspended is not claimed, but one under way settles': async ({ store }) => {
      const { runId } = await parked(store, [rpc('a'), rpc('b')])
      const under = await claimStep(store, runId, 'a')
      const { lease, history } = await claim(store, runId)
      const next = { kind: 'suspend', wakeSeq: history.wakeSeq, reason: 'diverged', codeHash: 'code-1' } as const
      isReleased(await store.commitRun(lease, turn({ next })))
      assert.equal(await store.claimStep(stepAsk(runId, 'b')), null)
      assert.deepEqual((await store.renewLeases([under.lease], minute)).lost, [])
      assert.ok((await store.settleStep(under.lease, succeeded()))?.settledSeq)
    },
    'F21: the uses of one name are steps of their own': async ({ store, reader }) => {
      const plans = [0, 1, 2, 3].map((n) => rpc('same', { id: id('same', n), input: `"${n}"` }))
      const { runId } = await parked(store, plans)
      const asks = plans.map((plan) => store.claimStep(stepAsk(runId, 'same', { step: plan.id })))
      const claims = (await Promise.all(asks)).filter((answer) => answer !== null)
      assert.deepEqual(
        claims.map(({ lease, input }) => [lease.step?.ordinal, input]),
        [0, 1, 2, 3].map((n) => [n, `"${n}"`]),
      )
      const [zero, one, two, three] = claims.map(({ lease }) => lease)
      assert.ok(zero && one && two && three)
      await Promise.all([store.settleStep(one, succeeded('"one"')), store.settleStep(two, retry(hour, '"two"'))])
      await store.releaseStep(three, { entered: false, delayMs: hour })
      const { lost } = await store.renewLeases([zero, one, two, three], hour)
      assert.deepEqual(
        lost.map(({ step }) => step?.ordinal ?? -1).sort((a, b) => a - b),
        [1, 2, 3],
      )
      assert.deepEqual(
        (await reader.listSteps(runId)).map(({ status, output, error, attempt }) => [status, output, error, attempt]),
        [
          ['running', null, null, 1],
          ['succeeded', '"one"', null, 1],
          ['scheduled', null, '"two"', 1],
          ['scheduled', null, null, 0],
        ],
      )
    },
    'many claims in one event-loop turn are each answered with their own': async ({ store }) => {
      const plans = Array.from({ length: 50 }, (_, i) => rpc(`s${i}`, { input: `"${i}"` }))
      const { runId } = await parked(store, plans)
      const asks = plans.flatMap((plan) => [stepAsk(runId, plan.id.name), stepAsk(runId, plan.id.name)])
      const answers = await Promise.all([...asks, stepAsk(runId, 'nothing')].map((ask) => store.claimStep(ask)))
      const won = answers.flatMap((answer, i) => (answer ? [{ answer, ask: asks[i] }] : []))
      assert.equal(won.length, 50)
      for (const { answer, ask } of won) {
        assert.deepEqual([answer.lease.step, answer.lease.claimId], [ask?.step, ask?.claimId])
        assert.equal(answer.input, `"${ask?.step.name.slice(1)}"`)
      }
    },
  },
}

export const settleStepTests: StoreTestGroup = {
  name: 'settleStep',
  tests: {
    'a settled step has its outcome and its place, and wakes its run': async ({ store, reader }) => {
      const { runId, revision } = await parked(store, [rpc('a'), rpc('b')])
      const a = await store.settleStep((await claimStep(store, runId, 'a')).lease, succeeded('"A"'))
      assert.deepEqual(a?.wake, [{ kind: 'run', runId, workflow: 'order' }])
      await store.settleStep((await claimStep(store, runId, 'b')).lease, failed('"B"'))
      const { history } = await claim(store, runId, { after: revision })
      assert.deepEqual(
        history.steps.map(({ id: { name }, status, output, error }) => [name, status, output, error]),
        [
          ['a', 'succeeded', '"A"', null],
          ['b', 'failed', null, '"B"'],
        ],
      )
      assert.equal(history.steps[0]?.settledSeq, a?.settledSeq)
      const attempts = await reader.listAttempts(runId)
      assert.deepEqual(
        attempts.map(({ step, kind, rpcName, attempt, outcome, worker }) => [
          step.name,
          kind,
          rpcName,
          attempt,
          outcome,
          worker,
        ]),
        [
          ['a', 'rpc', 'work', 1, 'succeeded', 'worker-2'],
          ['b', 'rpc', 'work', 1, 'failed', 'worker-2'],
        ],
      )
    },
    'A25: a run is rung only when nobody was told before': async ({ store }) => {
      const { runId } = await parked(store, [rpc('a'), rpc('b'), rpc('c'), rpc('d')])
      const settle = async (name: string): Promise<unknown> =>
        runItems((await store.settleStep((await claimStep(store, runId, name)).lease, succeeded()))?.wake ?? [])
      const item = { kind: 'run', runId, workflow: 'order' }
      assert.deepEqual(await settle('a'), [item])
      assert.deepEqual(await settle('b'), [])
      await claim(store, runId)
      assert.deepEqual(await settle('c'), [{ ...item, held: true }])
      assert.deepEqual(await settle('d'), [])
    },
    'A13: the same outcome again answers as before': async (world) => {
      const other = (await world.sibling()).store
      const { runId } = await parked(world.store, [rpc('a'), rpc('b')])
      const a = await claimStep(world.store, runId, 'a')
      const b = await claimStep(world.store, runId, 'b')
      for (const [lease, outcome] of [
        [b.lease, retry(0)],
        [a.lease, succeeded('"A"')],
      ] as const) {
        const first = await world.store.settleStep(lease, outcome)
        assert.ok(first)
        assert.deepEqual(await world.store.settleStep(lease, outcome), first)
        assert.deepEqual(await other.settleStep(lease, outcome), first)
      }
      const steps = await world.reader.listSteps(runId)
      assert.deepEqual(
        steps.map(({ attempt, status }) => [attempt, status]),
        [
          [1, 'succeeded'],
          [1, 'scheduled'],
        ],
      )
      assert.equal((await world.reader.listAttempts(runId)).length, 2)
    },
    'F8 F17: another outcome for a settled step changes nothing': async ({ store, reader }) => {
      const { runId } = await parked(store, [rpc('a')])
      const { lease } = await claimStep(store, runId, 'a')
      await store.settleStep(lease, succeeded('"first"'))
      const before = await reader.listSteps(runId)
      await store.settleStep(lease, failed('"second"'))
      await store.settleStep(lease, retry(0))
      assert.deepEqual(await reader.listSteps(runId), before)
      assert.equal((await reader.listAttempts(runId)).length, 1)
    },
    'F18 F25: a retry is not claimable before its time, and does not wake the run': async (world) => {
      const { store } = world
      const { runId } = await parked(store, [rpc('a')])
      const first = await claimStep(store, runId, 'a')
      assert.deepEqual(await store.settleStep(first.lease, retry(hour, '"E1"')), { settledSeq: null, wake: [] })
      assert.equal(await store.claimStep(stepAsk(runId, 'a')), null)
      assert.deepEqual((await store.sweep(sweepAsk())).items, [])
      const [step] = await world.reader.listSteps(runId)
      assert.deepEqual([step?.status, step?.error, step?.attempt], ['scheduled', '"E1"', 1])
      assert.ok(step?.dueInMs && step.dueInMs > 59 * minute)
      await world.advance(hour + minute)
      const { items } = await store.sweep(sweepAsk())
      assert.deepEqual(
        stepItems(items).map(({ attempt }) => attempt),
        [2],
      )
      assert.deepEqual((await claimStep(store, runId, 'a')).attempt, 2)
    },
    'a retry without a delay is rung at once': async ({ store, reader }) => {
      const { runId } = await parked(store, [rpc('a')])
      const first = await claimStep(store, runId, 'a')
      const settled = await store.settleStep(first.lease, retry(0, '"E1"'))
      const item = { kind: 'step', runId, step: id('a'), rpcName: 'work', attempt: 2 } as const
      assert.equal(settled?.settledSeq, null)
      assert.equal(settled.wake.length, 1)
      assert.partialDeepStrictEqual(settled.wake[0], item)
      const second = await claimStep(store, runId, 'a')
      assert.ok(second.lease.epoch > first.lease.epoch)
      assert.equal(await store.settleStep(first.lease, succeeded('"late"')), null)
      await store.settleStep(second.lease, failed('"E2"'))
      const attempts = await reader.listAttempts(runId)
      assert.deepEqual(
        attempts.map(({ attempt, outcome, error }) => [attempt, outcome, error]),
        [
          [1, 'failed', '"E1"'],
          [2, 'failed', '"E2"'],
        ],
      )
    },
    'a step of an ended run does not settle': async ({ store, reader }) => {
      const { runId } = await parked(store, [rpc('a')])
      const { lease } = await claimStep(store, runId, 'a')
      await store.cancelRun(runId, 'enough')
      assert.equal(await store.settleStep(lease, succeeded()), null)
      assert.equal((await reader.listSteps(runId))[0]?.settledSeq, null)
    },
    'A9: two steps of one run, one step twice and a zombie in one event-loop turn': async (world) => {
      const { store, reader } = world
      const { runId } = await parked(store, [rpc('a'), rpc('b'), rpc('c')])
      const zombie = (await claimStep(store, runId, 'c', { leaseMs: minute })).lease
      await world.advance(hour)
      const leases = await Promise.all(['a', 'b', 'c'].map(async (name) => (await claimStep(store, runId, name)).lease))
      const [a, b, c] = leases
      assert.ok(a && b && c)
      const writes = [
        store.settleStep(zombie, succeeded('"of the zombie"')),
        store.settleStep(a, succeeded('"A"')),
        store.settleStep(a, succeeded('"A"')),
        store.settleStep(b, succeeded('"B"')),
        store.settleStep(c, failed('"C"')),
        store.settleStep({ ...b, runId: 'nobody' }, succeeded()),
        store.settleStep({ ...b, epoch: b.epoch + 1 }, succeeded('"from the future"')),
      ]
      const [late, a1, a2, b1, c1, unknown, future] = await Promise.all(writes)
      assert.deepEqual([late, unknown, future], [null, null, null])
      assert.ok(a1 && b1 && c1)
      if (a2) assert.equal(a2.settledSeq, a1.settledSeq)
      assert.equal(new Set([a1.settledSeq, b1.settledSeq, c1.settledSeq]).size, 3)
      const steps = await reader.listSteps(runId)
      assert.deepEqual(
        steps.map(({ output, error }) => output ?? error),
        ['"A"', '"B"', '"C"'],
      )
    },
    'A25: two hundred concurrent settlements of one run have two hundred places': async (world) => {
      const { store } = world
      const other = (await world.sibling()).store
      const plans = Array.from({ length: 200 }, (_, i) => rpc(`s${i}`))
      const { runId, revision } = await parked(store, plans)
      const leases = await Promise.all(plans.map(async (plan) => (await claimStep(store, runId, plan.id.name)).lease))
      const writes = leases.flatMap((lease, i) =>
        [store, other].map((one) => one.settleStep(lease, succeeded(`"${i}"`))),
      )
      const answers = (await Promise.all(writes)).filter((answer) => answer !== null)
      assert.equal(new Set(answers.map(({ settledSeq }) => settledSeq)).size, 200)
      const rung = new Set(answers.filter(({ wake }) => wake.length > 0))
      assert.ok(rung.size >= 1, 'somebody rings the run')
      const { history } = await claim(store, runId, { after: revision })
      const seqs = history.steps.map(({ settledSeq }) => settledSeq ?? 0)
      assert.equal(new Set(seqs).size, 200)
      assert.deepEqual(
        seqs,
        [...seqs].sort((a, b) => a - b),
      )
    },
  },
}

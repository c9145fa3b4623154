import assert from 'node:assert/strict'
import { setImmediate as macrotask, setTimeout as pause } from 'node:timers/promises'
import { describe, test } from 'vitest'
import { commandsOf, inline, outputOf, reasonOf, replayOf, rpc, settled, type Body } from '../../test/replay-given.ts'
import type { Decision, ReplayStep } from './index.ts'

describe('awaits that are not steps (A1)', () => {
  const branches =
    (delayA: () => Promise<unknown>): Body =>
    async (workflow) => {
      const branch = async (name: string, delay: () => Promise<unknown>): Promise<unknown> => {
        await workflow.do(name, 'work')
        await delay()
        return workflow.do(`charge ${name}`, 'work', name)
      }
      return Promise.all([branch('A', delayA), branch('B', () => Promise.resolve())])
    }

  test('A1: a settlement waits until all that was asked before it is asked again', async () => {
    // Live, A's charge was asked before B settled; now A takes its time.
    const rows = [
      settled(rpc('A'), 1),
      settled(rpc('B'), 3),
      settled(rpc('charge A', { input: 'A', askedAfter: 1 }), 4, 'receipt of A'),
      settled(rpc('charge B', { input: 'B', askedAfter: 3 }), 6, 'receipt of B'),
    ]
    for (const delay of [
      () => Promise.resolve(),
      () => pause(5),
      () => crypto.subtle.digest('SHA-256', new Uint8Array(64)),
    ]) {
      const replay = replayOf(branches(delay), 1_000)
      assert.deepEqual(outputOf(await replay.advance(rows)), ['receipt of A', 'receipt of B'])
    }
  })

  test('A1: a timer that won live wins again', async () => {
    const body: Body = async (workflow) => {
      const winner = await Promise.race([workflow.do('a', () => 1), pause(15).then(() => 'timer')])
      return workflow.do(`after ${String(winner)}`, 'work')
    }
    const rows = [settled(inline('a'), 2), settled(rpc('after timer', { askedAfter: 0 }), 4, 'won')]
    assert.equal(outputOf(await replayOf(body, 1_000).advance(rows)), 'won')
  })

  test('A1: an RPC step is told by its input, also while an inline step of its name is not on record', async () => {
    const rows = [settled(rpc('look', { ordinal: 1, input: 7 }), 2, 'by RPC')]
    const body: Body = (workflow) =>
      Promise.all([pause(20).then(() => workflow.do('look', () => 1)), workflow.do('look', 'work', 7)])
    const replay = replayOf(body, 1_000)
    assert.deepEqual(commandsOf(await replay.advance(rows)), [])
    await pause(40)
    assert.deepEqual(commandsOf(await replay.advance([])), ['look#0 after 2'])
    assert.deepEqual(outputOf(await replay.advance([settled(inline('look'), 4, 'here')])), ['here', 'by RPC'])
  })

  test('A1: when the grace is over it is a divergence that names what is missing', async () => {
    const body: Body = async (workflow) => {
      await workflow.do('a', 'work')
      await pause(500)
      await workflow.do('b', 'work')
    }
    const rows = [settled(rpc('a'), 1), settled(rpc('b', { askedAfter: 1 }), 3)]
    assert.match(reasonOf(await replayOf(body, 20).advance(rows)), /'b' \(an RPC step 'work'\).*does not ask for/)
  })

  test('an abandoned wait ends at once', async () => {
    const replay = replayOf(async (workflow) => {
      await pause(10_000, undefined, { ref: false })
      await workflow.do('a', 'work')
    }, 60_000)
    const advancing = replay.advance([settled(rpc('a'), 1)])
    await macrotask()
    replay.abandon()
    assert.equal((await advancing).kind, 'blocked')
  })
})

describe('divergence (A2)', () => {
  const asks = (body: Body, rows: readonly ReplayStep[]): Promise<Decision> => replayOf(body, 20).advance(rows)

  test('a body that asks for more before it has asked for all its history holds adds nothing to it', async () => {
    const body: Body = (workflow) => workflow.do('new', 'work')
    assert.match(reasonOf(await asks(body, [rpc('old')])), /'old' \(an RPC step 'work'\).*does not ask for.*'new'/)
  })

  test('a body on its way to what its history holds may ask for more meanwhile', async () => {
    const rows = [rpc('slowly asked for')]
    const body: Body = (workflow) =>
      Promise.all([pause(20).then(() => workflow.do('slowly asked for', 'work')), workflow.do('new', 'work')])
    assert.deepEqual(commandsOf(await replayOf(body, 2_000).advance(rows)), ['new#0 after 0'])
  })

  test('what a body came to is nothing as long as it has not been found to fit', async () => {
    for (const ends of [() => 'at once', () => Promise.reject(new Error('at once'))]) {
      const replay = replayOf(ends, 60_000)
      const advancing = replay.advance([rpc('never asked for')])
      await macrotask()
      await macrotask()
      replay.abandon()
      assert.deepEqual(await advancing, { kind: 'blocked', commands: [], open: 0 })
    }
  })

  test('another kind, another function, another input', async () => {
    const row = settled(rpc('charge', { input: 1 }), 1)
    assert.match(
      reasonOf(await asks((workflow) => workflow.do('charge', () => 1), [row])),
      /'charge'.*RPC step 'work'.*inline step/,
    )
    assert.match(
      reasonOf(await asks((workflow) => workflow.do('charge', 'other', 1), [row])),
      /'charge'.*'work'.*'other'/,
    )
    assert.match(
      reasonOf(await asks((workflow) => workflow.do('charge', 'work', 2), [row])),
      /'charge'.*another input for 'work'/,
    )
    assert.match(reasonOf(await asks((workflow) => workflow.sleep('charge', 5), [row])), /'charge'.*a sleep/)
  })

  test('a difference counts whether the step has settled or not', async () => {
    assert.match(reasonOf(await asks((workflow) => workflow.do('charge', 'other'), [rpc('charge')])), /'charge'/)
  })

  test('a settlement that nobody wants is never skipped', async () => {
    const body: Body = async (workflow) => workflow.do('kept', 'work')
    const rows = [settled(rpc('removed'), 1), settled(rpc('kept', { askedAfter: 1 }), 2)]
    assert.match(reasonOf(await asks(body, rows)), /'removed'/)
  })

  test('steps never asked for when the body returns or throws', async () => {
    assert.match(reasonOf(await asks(() => 'early', [rpc('a'), rpc('b')])), /'a'.*'b'.*before it returned/)
    const throws: Body = () => Promise.reject(new Error('early'))
    assert.match(reasonOf(await asks(throws, [rpc('a')])), /'a'.*before it threw/)
  })

  test('more than three missing steps are counted', async () => {
    const rows = ['a', 'b', 'c', 'd', 'e'].map((name) => rpc(name))
    assert.match(reasonOf(await asks(() => 'early', rows)), /and 2 more/)
  })

  test('after it nothing is asked or delivered any more', async () => {
    const seen: unknown[] = []
    const replay = replayOf(async (workflow) => {
      const other = workflow.do('other', 'work').then((value) => seen.push(value))
      await Promise.all([workflow.do('a', 'changed'), other, workflow.do('fresh', 'work')])
    }, 20)
    reasonOf(await replay.advance([settled(rpc('a'), 1), settled(rpc('other'), 2)]))
    reasonOf(await replay.advance([]))
    assert.deepEqual(seen, [])
  })
})

describe('deltas from other processes (A4)', () => {
  test('A4: every changed row is known before the first is delivered: no command for a step that has one', async () => {
    const replay = replayOf(async (workflow) => {
      await workflow.do('a', 'work')
      return Promise.all([
        workflow.do('inline done', () => assert.fail('it ran elsewhere')),
        workflow.do('scheduled', 'work'),
        workflow.do('running', 'work'),
        workflow.do('fresh', 'work'),
      ])
    })
    await replay.advance([])
    const decision = await replay.advance([
      rpc('scheduled', { askedAfter: 2 }),
      rpc('running', { askedAfter: 2, status: 'running', attempt: 1 }),
      settled(rpc('a'), 2),
      settled(inline('inline done', { askedAfter: 2 }), 5),
    ])
    assert.deepEqual(commandsOf(decision), ['fresh#0 after 2'])
    assert.equal(decision.kind === 'blocked' && decision.open, 3)
  })

  test('A4: an inline step with an attempt behind it goes on from there', async () => {
    const replay = replayOf((workflow) => workflow.do('flaky', () => 1, { retries: 3 }))
    const decision = await replay.advance([inline('flaky', { attempt: 2, askedAfter: 0 })])
    assert.ok(decision.kind === 'blocked')
    assert.deepEqual(
      decision.commands.map(({ id, attempt }) => [id.name, attempt]),
      [['flaky', 2]],
    )
  })

  test('a command not yet taken is withdrawn when its row arrives from elsewhere', async () => {
    const timer = Promise.withResolvers<void>()
    const replay = replayOf(async (workflow) => {
      await timer.promise
      return Promise.all([workflow.do('rpc', 'work'), workflow.do('here', () => 1)])
    })
    await replay.advance([])
    timer.resolve()
    await macrotask()
    const decision = await replay.advance([rpc('rpc'), settled(inline('here'), 3)])
    assert.deepEqual(commandsOf(decision), [])
    assert.equal(decision.kind === 'blocked' && decision.open, 1)
  })

  test('the same settled row again changes nothing', async () => {
    const replay = replayOf(async (workflow) => [await workflow.do('a', 'work'), await workflow.do('b', 'work')])
    await replay.advance([settled(rpc('a'), 1, 'first')])
    await replay.advance([settled(rpc('a'), 1, 'second')])
    const last = await replay.advance([settled(rpc('b', { askedAfter: 1 }), 2, 'b')])
    assert.deepEqual(outputOf(last), ['first', 'b'])
  })
})

import assert from 'node:assert/strict'
import { setImmediate as macrotask, setTimeout as pause } from 'node:timers/promises'
import { describe, test } from 'vitest'
import type { Decision, ReplayStep } from './index.ts'
import { createReplay, createWorkflowContext, type BodyContext, type Replay } from './index.ts'

type Body = (workflow: BodyContext) => unknown

/** A replay of `body`, whose steps may call any function. */
function replayOf(body: Body, graceMs = 30): Replay {
  return createReplay(
    async (port) => {
      const workflow = createWorkflowContext(port, {
        runId: 'run',
        workflowName: 'test',
        createdAt: 1_000,
        encodeInput: (value) => ({ text: JSON.stringify(value), digest: JSON.stringify(value) ?? 'undefined' }),
        assertRpc: () => undefined,
        assertInBody: () => undefined,
        getRun: () => Promise.resolve(null),
      })
      return body(workflow)
    },
    { yieldTurn: () => macrotask(), grace: () => pause(graceMs) },
  )
}

const blank = {
  rpcName: null,
  inputDigest: null,
  attempt: 0,
  lost: 0,
  settledSeq: null,
  settledAt: null,
  outcome: null,
}

/** A recorded rpc step, called as `do(name, 'work', input)`. */
function rpc(name: string, over: Partial<ReplayStep> & { ordinal?: number; input?: unknown } = {}): ReplayStep {
  const { ordinal = 0, input, ...rest } = over
  const id = { name, ordinal }
  const inputDigest = JSON.stringify(input) ?? 'undefined'
  return { ...blank, id, kind: 'rpc', status: 'scheduled', rpcName: 'work', inputDigest, askedAfter: 0, ...rest }
}

function inline(name: string, over: Partial<ReplayStep> & { ordinal?: number } = {}): ReplayStep {
  const { ordinal = 0, ...rest } = over
  return { ...blank, id: { name, ordinal }, kind: 'inline', status: 'scheduled', askedAfter: 0, ...rest }
}

/** The same step, settled as the seq-th. */
function settled(step: ReplayStep, seq: number, value: unknown = `${step.id.name} done`): ReplayStep {
  const outcome = { ok: true, value } as const
  return { ...step, status: 'succeeded', attempt: 1, settledSeq: seq, settledAt: 1_000 + seq, outcome }
}

function failed(step: ReplayStep, seq: number, error: unknown): ReplayStep {
  return {
    ...step,
    status: 'failed',
    attempt: 1,
    settledSeq: seq,
    settledAt: 1_000 + seq,
    outcome: { ok: false, error },
  }
}

function commandsOf(decision: Decision): string[] {
  assert.ok('commands' in decision, `it is ${decision.kind}`)
  return decision.commands.map(({ id, askedAfter }) => `${id.name}#${id.ordinal} after ${askedAfter}`)
}

function outputOf(decision: Decision): unknown {
  assert.ok(decision.kind === 'returned', `it is ${JSON.stringify(decision)}`)
  return decision.output
}

function reasonOf(decision: Decision): string {
  assert.ok(decision.kind === 'diverged', `it is ${JSON.stringify(decision)}`)
  return decision.reason
}

describe('what a body asks for', () => {
  test('commands are given once, each with the settlement it was asked after', async () => {
    const replay = replayOf(async (workflow) => {
      const both = await Promise.all([workflow.do('a', 'work'), workflow.do('b', () => 1)])
      return [...both, await workflow.do('c', 'work')]
    })
    const first = await replay.advance([])
    assert.deepEqual(commandsOf(first), ['a#0 after 0', 'b#0 after 0'])
    assert.equal(first.kind === 'blocked' && first.open, 2)
    const again = await replay.advance([])
    assert.deepEqual(commandsOf(again), [])
    const second = await replay.advance([settled(rpc('a'), 3), settled(inline('b'), 5)])
    assert.deepEqual(commandsOf(second), ['c#0 after 5'])
    assert.equal(second.kind === 'blocked' && second.open, 1)
    const last = await replay.advance([settled(rpc('c', { askedAfter: 5 }), 8)])
    assert.deepEqual(outputOf(last), ['a done', 'b done', 'c done'])
  })

  test('settlements are delivered in their order, one at a time, however they come', async () => {
    const seen: string[] = []
    const replay = replayOf(async (workflow) => {
      const note = async (name: string): Promise<unknown> => {
        await workflow.do(name, 'work')
        seen.push(`(${name})`)
        return workflow.do(`after ${name}`, 'work')
      }
      await Promise.all(['a', 'b', 'c'].map(note))
    })
    const rows = ['a', 'b', 'c'].map((name, i) => settled(rpc(name), [7, 5, 6][i]!))
    const decision = await replay.advance(rows)
    assert.deepEqual(seen, ['(b)', '(c)', '(a)'])
    assert.deepEqual(commandsOf(decision), ['after b#0 after 5', 'after c#0 after 6', 'after a#0 after 7'])
  })

  test('F21: the n-th use of a name is its n-th record', async () => {
    const replay = replayOf(async (workflow) => {
      const seen: unknown[] = []
      for (let i = 0; i < 3; i += 1) seen.push(await workflow.do('same', 'work', i))
      return seen
    })
    const rows = [0, 1, 2].map((i) => settled(rpc('same', { ordinal: i, input: i, askedAfter: i }), i + 1, `use ${i}`))
    assert.deepEqual(outputOf(await replay.advance(rows)), ['use 0', 'use 1', 'use 2'])
  })

  test('now, random and uuid are the same whenever they are asked at the same place', async () => {
    const body: Body = async (workflow) => {
      const draw = (): unknown[] => [workflow.now().getTime(), workflow.random(), workflow.uuid()]
      const before = draw()
      await workflow.do('a', 'work')
      return [before, draw()]
    }
    const live = replayOf(body)
    await live.advance([])
    const row = settled(rpc('a'), 4)
    const first = outputOf(await live.advance([row])) as number[][]
    assert.deepEqual(outputOf(await replayOf(body).advance([row])), first)
    assert.deepEqual([first[0]?.[0], first[1]?.[0]], [1_000, 1_004])
    assert.notEqual(first[0]?.[1], first[1]?.[1])
  })
})

describe('suspension', () => {
  test('F19: it is invisible to catch and finally, and nothing of the engine is thrown', async () => {
    const seen: string[] = []
    const replay = replayOf(async (workflow) => {
      try {
        await workflow.do('a', 'work')
        await workflow.sleep('nap', 10)
      } catch {
        seen.push('catch')
      } finally {
        seen.push('finally')
      }
    })
    await replay.advance([])
    await replay.advance([settled(rpc('a'), 1)])
    assert.deepEqual(seen, [])
    await replay.advance([
      settled({ ...blank, id: { name: 'nap', ordinal: 0 }, kind: 'sleep', status: 'scheduled', askedAfter: 1 }, 2),
    ])
    assert.deepEqual(seen, ['finally'])
  })

  test('A8: an abandoned body stays where it is; what it still asks for is inert', async () => {
    const seen: string[] = []
    const timer = Promise.withResolvers<void>()
    const replay = replayOf(async (workflow) => {
      try {
        await timer.promise
        await workflow.do('late', 'work')
      } finally {
        seen.push('finally')
      }
    })
    let told = 0
    replay.onMoved(() => (told += 1))
    await replay.advance([])
    replay.abandon()
    timer.resolve()
    await macrotask()
    assert.deepEqual([seen, told], [[], 0])
  })

  test('cancel: at once, for good, whatever catch and finally do', async () => {
    const seen: string[] = []
    const replay = replayOf(async (workflow) => {
      try {
        await workflow.do('a', 'work')
        await workflow.cancel('enough')
      } catch {
        seen.push('catch')
      } finally {
        seen.push('finally')
        await workflow.do('compensate', 'work')
      }
      return 'undone'
    })
    await replay.advance([])
    assert.deepEqual(await replay.advance([settled(rpc('a'), 1)]), { kind: 'cancelled', reason: 'enough' })
    assert.deepEqual(seen, [])
  })

  test('A7, F20: a step promise rejected before anyone awaits it is nobody’s unhandled rejection', async () => {
    const unhandled: unknown[] = []
    const others = process.listeners('unhandledRejection')
    const listener = (error: unknown): void => void unhandled.push(error)
    for (const other of others) process.off('unhandledRejection', other)
    process.on('unhandledRejection', listener)
    try {
      const replay = replayOf(async (workflow) => {
        const bad = workflow.do('bad', 'work')
        const refused = workflow.sleep('bad duration', 'soon')
        await workflow.do('good', 'work')
        return Promise.allSettled([bad, refused])
      })
      await replay.advance([failed(rpc('bad'), 1, new Error('early')), rpc('good')])
      await macrotask()
      const decision = await replay.advance([settled(rpc('good'), 2)])
      const statuses = (outputOf(decision) as PromiseSettledResult<unknown>[]).map(({ status }) => status)
      assert.deepEqual(statuses, ['rejected', 'rejected'])
      assert.deepEqual(unhandled, [])
    } finally {
      process.off('unhandledRejection', listener)
      for (const other of others) process.on('unhandledRejection', other)
    }
  })

  test('A6: what is open when a body returns is told, and so is what it never awaited', async () => {
    const replay = replayOf(async (workflow) => {
      void workflow.do('email', 'work')
      void workflow.do('here', () => 1)
      return 'ok'
    })
    const first = await replay.advance([])
    assert.deepEqual(commandsOf(first), ['email#0 after 0', 'here#0 after 0'])
    assert.deepEqual([first.kind, first.kind === 'returned' && first.open], ['returned', 2])
    const second = await replay.advance([failed(rpc('email'), 1, new Error('observed, not thrown'))])
    assert.deepEqual([second.kind, second.kind === 'returned' && second.open], ['returned', 1])
    const third = await replay.advance([settled(inline('here'), 2)])
    assert.deepEqual([outputOf(third), third.kind === 'returned' && third.open], ['ok', 0])
  })

  test('a body that throws or cancels does not wait for what is open', async () => {
    const thrown = replayOf(async (workflow) => {
      void workflow.do('open', 'work')
      throw new RangeError('now')
    })
    const decision = await thrown.advance([])
    assert.ok(decision.kind === 'threw' && decision.error instanceof RangeError)
  })

  test('A3: the body moving while nobody advances it is told', async () => {
    const timer = Promise.withResolvers<void>()
    const replay = replayOf(async (workflow) => {
      await Promise.race([workflow.do('slow', 'work'), timer.promise])
      return workflow.do('after', 'work')
    })
    let told = 0
    replay.onMoved(() => (told += 1))
    const first = await replay.advance([])
    assert.equal(first.kind === 'blocked' && first.open, 1)
    assert.equal(told, 0)
    timer.resolve()
    await macrotask()
    assert.equal(told, 1)
    assert.deepEqual(commandsOf(await replay.advance([])), ['after#0 after 0'])
  })
})

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

test('cost of a replay (a figure to look at)', async () => {
  const figures: string[] = []
  for (const n of [1_000, 10_000]) {
    const rows = Array.from({ length: n }, (_, i) =>
      settled(rpc('s', { ordinal: i, input: i, askedAfter: i }), i + 1, i),
    )
    const replay = replayOf(async (workflow) => {
      let sum = 0
      for (let i = 0; i < n; i += 1) sum += Number(await workflow.do('s', 'work', i))
      return sum
    })
    const started = performance.now()
    assert.equal(outputOf(await replay.advance(rows)), (n * (n - 1)) / 2)
    figures.push(`${n} steps in ${Math.round(performance.now() - started)} ms`)
  }
  console.info(`replay: ${figures.join(', ')}`)
})

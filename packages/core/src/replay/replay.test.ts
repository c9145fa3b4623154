import assert from 'node:assert/strict'
import { setImmediate as macrotask } from 'node:timers/promises'
import { describe, test } from 'vitest'
import {
  blank,
  commandsOf,
  failed,
  inline,
  outputOf,
  replayOf,
  rpc,
  settled,
  type Body,
} from '../../test/replay-given.ts'

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

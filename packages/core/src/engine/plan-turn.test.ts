import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Decision } from '../replay/index.ts'
import { planLeaving, type TurnState } from './plan-turn.ts'

const blocked = (open: number): Decision => ({ kind: 'blocked', commands: [], open })
const returned = (open: number): Decision => ({ kind: 'returned', output: 'out', commands: [], open })

const calm = { more: 0, inline: 0, wakeSeq: 7, stopping: false, graceOver: false, handOverMs: 0 } as const

function leaving(decision: Decision, over: Partial<TurnState> = {}): unknown {
  return planLeaving({ decision, ...calm, ...over })
}

test('the end of a body is the end of its run, once everything it asked for has settled (A6)', () => {
  assert.deepEqual(leaving(returned(0)), { kind: 'complete', output: 'out' })
  assert.deepEqual(leaving(returned(1)), { kind: 'park', wakeSeq: 7 })
  assert.deepEqual(leaving(returned(1), { inline: 1 }), { kind: 'hold' })
})

test('throwing, cancelling and diverging wait for nothing', () => {
  const error = new Error('no')
  for (const inline of [0, 3]) {
    assert.deepEqual(leaving({ kind: 'threw', error }, { inline }), { kind: 'fail', error })
    assert.deepEqual(leaving({ kind: 'cancelled', reason: 'r' }, { inline }), { kind: 'cancel', reason: 'r' })
    const suspend = leaving({ kind: 'diverged', reason: 'what differs' }, { inline })
    assert.partialDeepStrictEqual(suspend, { kind: 'suspend', wakeSeq: 7 })
    assert.match(String(Reflect.get(suspend as object, 'reason')), /what differs/)
  }
})

test('a run with inline work here is held; it waits for nothing else, it is parked', () => {
  assert.deepEqual(leaving(blocked(2), { inline: 1 }), { kind: 'hold' })
  assert.deepEqual(leaving(blocked(2)), { kind: 'park', wakeSeq: 7 })
})

test('a run is not parked before everything it asked for is on record', () => {
  assert.deepEqual(leaving(blocked(2), { more: 1 }), { kind: 'hold' })
  assert.deepEqual(leaving(blocked(2), { more: 1, stopping: true }), { kind: 'yield', delayMs: 0 })
})

test('A3: a body that awaits something outside is held, for only this process can bring it on', () => {
  assert.deepEqual(leaving(blocked(0)), { kind: 'hold' })
})

test('A16: a process that stops gives back what does not execute, and past its grace that too', () => {
  const handOverMs = 1
  const given = { kind: 'yield', delayMs: 1 }
  assert.deepEqual(leaving(blocked(2), { stopping: true, handOverMs }), given)
  assert.deepEqual(leaving(blocked(0), { stopping: true, handOverMs }), given)
  assert.deepEqual(leaving(returned(1), { stopping: true, handOverMs }), given)
  assert.deepEqual(leaving(blocked(2), { stopping: true, inline: 1, handOverMs }), { kind: 'hold' })
  assert.deepEqual(leaving(blocked(2), { stopping: true, graceOver: true, inline: 1, handOverMs }), given)
})

test('an end is an end also while stopping', () => {
  const over = { stopping: true, graceOver: true }
  assert.deepEqual(leaving(returned(0), over), { kind: 'complete', output: 'out' })
  assert.deepEqual(leaving({ kind: 'cancelled', reason: 'r' }, over), { kind: 'cancel', reason: 'r' })
})

import assert from 'node:assert/strict'
import { test } from 'vitest'
import { isEnded, isSettled, mayRunMove, mayStepMove, runMoves, stepMoves } from './run-state.ts'

test('F17: an ended run and a settled step go nowhere', () => {
  for (const status of ['completed', 'failed', 'cancelled'] as const) {
    assert.equal(isEnded(status), true)
    assert.deepEqual(runMoves[status], [])
    assert.equal(mayRunMove(status, 'running'), false)
    assert.equal(mayRunMove(status, status), true)
  }
  for (const status of ['succeeded', 'failed'] as const) {
    assert.equal(isSettled(status), true)
    assert.deepEqual(stepMoves[status], [])
    assert.equal(mayStepMove('rpc', status, 'scheduled'), false)
  }
})

test('A19: suspended is a kind of waiting, not an end', () => {
  assert.equal(isEnded('suspended'), false)
  assert.equal(mayRunMove('suspended', 'running'), true)
  assert.equal(mayRunMove('suspended', 'completed'), false)
})

test('only an rpc step is ever running', () => {
  assert.equal(mayStepMove('rpc', 'scheduled', 'running'), true)
  for (const kind of ['inline', 'sleep', 'suspend', 'child'] as const) {
    assert.equal(mayStepMove(kind, 'scheduled', 'running'), false)
    assert.equal(mayStepMove(kind, 'scheduled', 'succeeded'), true)
  }
})

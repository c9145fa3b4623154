import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Step } from '../contract/index.ts'
import { TestClock } from '../testing/index.ts'
import { DueSleeps } from './due-sleeps.ts'

function sleep(name: string, over: Partial<Step> = {}): Step {
  const open = { rpcName: null, inputDigest: null, output: null, error: null, reason: null, attempt: 0, lost: 0 }
  const times = { askedAfter: 0, settledSeq: null, settledAt: null, dueInMs: 100, revision: 1 }
  return { id: { name, ordinal: 0 }, kind: 'sleep', status: 'scheduled', ...open, ...times, ...over }
}

test('the store is asked when a sleep is due, and again a moment later if it thought otherwise', async () => {
  const clock = new TestClock()
  const sleeps = new DueSleeps(clock)
  assert.equal(sleeps.nextDueInMs, null)
  sleeps.note(sleep('later', { dueInMs: 500 }))
  sleeps.note(sleep('soon'))
  assert.equal(sleeps.nextDueInMs, 100)
  assert.equal(sleeps.takeDue(), false)
  await clock.advance(100)
  assert.equal(sleeps.takeDue(), true)
  assert.equal(sleeps.takeDue(), false)
  assert.equal(sleeps.nextDueInMs, 10)
  sleeps.note(sleep('soon', { status: 'succeeded', settledSeq: 3, settledAt: 1, dueInMs: null }))
  assert.equal(sleeps.nextDueInMs, 400)
})

test('only sleeps count', () => {
  const sleeps = new DueSleeps(new TestClock())
  sleeps.note(sleep('retry', { kind: 'rpc' }))
  assert.equal(sleeps.nextDueInMs, null)
})

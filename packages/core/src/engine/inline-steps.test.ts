import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { StepOutcome } from '../contract/index.ts'
import { InlineSteps, type InlineAttempt } from './inline-steps.ts'

const outcome: StepOutcome = { kind: 'succeeded', output: '1', durationMs: 1 }

function attempt(name: string, run: () => Promise<StepOutcome> = () => Promise.resolve(outcome)): InlineAttempt {
  return { id: { name, ordinal: 0 }, askedAfter: 0, attempt: 1, run }
}

const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('what ended is taken once, in the order it ended', async () => {
  let rung = 0
  const steps = new InlineSteps(() => (rung += 1))
  const slow = Promise.withResolvers<StepOutcome>()
  steps.start(attempt('slow', () => slow.promise))
  steps.start(attempt('quick'))
  assert.equal(steps.running, 2)
  await turnOfTheLoop()
  assert.equal(steps.running, 1)
  slow.resolve(outcome)
  await turnOfTheLoop()
  assert.deepEqual(
    steps.takeEnded(10).map(({ id }) => id.name),
    ['quick', 'slow'],
  )
  assert.deepEqual(steps.takeEnded(10), [])
  assert.deepEqual([steps.running, rung], [0, 2])
})

test('A1: what ends during a commit does not slip into it', async () => {
  const steps = new InlineSteps(() => undefined)
  const committing = steps.takeEnded(10)
  steps.start(attempt('late'))
  await turnOfTheLoop()
  assert.deepEqual(committing, [])
  assert.equal(steps.takeEnded(10).length, 1)
})

test('what ended is taken in portions, none is left out', async () => {
  const steps = new InlineSteps(() => undefined)
  for (const name of ['a', 'b', 'c']) steps.start(attempt(name))
  await turnOfTheLoop()
  assert.deepEqual([steps.takeEnded(2).length, steps.ended], [2, 1])
  assert.deepEqual([steps.takeEnded(2).length, steps.ended], [1, 0])
})

test('an outcome that could not be had is trouble, not an outcome', async () => {
  const steps = new InlineSteps(() => undefined)
  steps.start(attempt('a', () => Promise.reject(new Error('codec'))))
  await turnOfTheLoop()
  assert.deepEqual(steps.takeEnded(10), [])
  assert.match(String(steps.trouble?.error), /codec/)
  assert.equal(steps.running, 0)
})

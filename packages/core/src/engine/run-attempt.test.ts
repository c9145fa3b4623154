import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { PayloadCodec, StepOutcome } from '../contract/index.ts'
import { NonRetryableError, RetryableError, WorkflowError } from '../contract/index.ts'
import { Payloads } from './payloads.ts'
import { runAttempt, type StepCall } from './run-attempt.ts'

const payloads = new Payloads(undefined, 1_000)

function attempt(call: () => unknown, over: Partial<StepCall> = {}): Promise<StepOutcome> {
  return runAttempt(
    { call, step: 'a', policy: { retries: 2, retryDelayMs: 50 }, attempt: 1, lost: 0, ...over },
    payloads,
  )
}

const fails = (): never => {
  throw new Error('no')
}

test('what the function returns, at once or later, is the outcome', async () => {
  for (const call of [() => 5, () => Promise.resolve(5)]) {
    const outcome = await attempt(call)
    assert.ok(outcome.kind === 'succeeded')
    assert.equal(await payloads.decode(outcome.output), 5)
    assert.ok(Number.isSafeInteger(outcome.durationMs))
  }
})

test('F23: retries + 1 attempts, and lost ones do not count', async () => {
  const kinds = async (attempts: readonly (readonly [number, number])[]): Promise<string[]> =>
    Promise.all(attempts.map(async ([n, lost]) => (await attempt(fails, { attempt: n, lost })).kind))
  assert.deepEqual(
    await kinds([
      [1, 0],
      [2, 0],
      [3, 0],
    ]),
    ['retry', 'retry', 'failed'],
  )
  assert.deepEqual(
    await kinds([
      [3, 1],
      [4, 1],
      [12, 10],
      [13, 10],
    ]),
    ['retry', 'failed', 'retry', 'failed'],
  )
})

test('the delay is the larger of the policy’s and the error’s', async () => {
  const delays = async (error: unknown): Promise<number | null> => {
    const outcome = await attempt(() => Promise.reject(error))
    return outcome.kind === 'retry' ? outcome.delayMs : null
  }
  assert.equal(await delays(new Error('no')), 50)
  assert.equal(await delays(new RetryableError('busy', { retryAfter: '2s' })), 2_000)
  assert.equal(await delays(new RetryableError('busy', { retryAfter: 1 })), 50)
  assert.equal(await delays(new NonRetryableError('never')), null)
})

test('F32: whatever is thrown becomes an error that can be read', async () => {
  for (const thrown of ['text', null, undefined, { message: 'looks like one' }, 5n]) {
    const outcome = await attempt(() => Promise.reject(thrown), { attempt: 3 })
    assert.ok(outcome.kind === 'failed')
    assert.ok((await payloads.decode(outcome.error)) instanceof Error)
  }
})

test('a result that cannot be kept ends the step: its side effects have happened', async () => {
  for (const [result, code] of [
    [() => 1, 'NOT_SERIALIZABLE'],
    ['x'.repeat(2_000), 'PAYLOAD_TOO_LARGE'],
  ] as const) {
    const outcome = await attempt(() => result)
    assert.ok(outcome.kind === 'failed')
    assert.ok(WorkflowError.is(await payloads.decode(outcome.error), code))
  }
})

test('a codec that fails is not the step’s doing', async () => {
  const codec: PayloadCodec = { encode: () => Promise.reject(new Error('key server')), decode: (payload) => payload }
  const call: StepCall = { call: () => 5, step: 'a', policy: { retries: 0, retryDelayMs: 0 }, attempt: 1, lost: 0 }
  await assert.rejects(runAttempt(call, new Payloads(codec, 1_000)), /key server/)
})

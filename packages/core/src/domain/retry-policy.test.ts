import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NonRetryableError, RetryableError, WorkflowError } from '../contract/errors.ts'
import { nextAttempt, retryPolicy, type RetryOptions } from './retry-policy.ts'

const policy = { retries: 2, retryDelayMs: 1_000 }
const failed = (changes: object) => ({ policy, attempt: 1, lost: 0, error: new Error('x'), ...changes })

describe('retryPolicy', () => {
  test('nothing said is one attempt', () => {
    expect(retryPolicy(undefined, undefined, "step 'a'")).toEqual({ retries: 0, retryDelayMs: 0 })
    expect(retryPolicy({}, {}, "step 'a'")).toEqual({ retries: 0, retryDelayMs: 0 })
  })

  test("the step's options win over the function's, one by one", () => {
    expect(retryPolicy({ retries: 1 }, { retries: 5, retryDelay: '1s' }, "step 'a'")).toEqual({
      retries: 1,
      retryDelayMs: 1_000,
    })
    expect(retryPolicy({ retries: 0, retryDelay: 0 }, { retries: 5, retryDelay: '1s' }, "step 'a'")).toEqual({
      retries: 0,
      retryDelayMs: 0,
    })
    expect(retryPolicy({ retries: undefined }, { retries: 5 }, "step 'a'")).toEqual({ retries: 5, retryDelayMs: 0 })
  })

  test("F25: a retryDelay of '5s' is five seconds", () => {
    expect(retryPolicy({ retries: 1, retryDelay: '5s' }, {}, "step 'a'").retryDelayMs).toBe(5_000)
  })

  test('the message says what was given, where, and what is accepted', () => {
    const message = (options: object) => {
      try {
        retryPolicy(options as RetryOptions, undefined, "step 'Charge'")
      } catch (error) {
        if (WorkflowError.is(error)) return `${error.code}: ${error.message}`
        throw error
      }
      return 'accepted'
    }
    expect(message({ retries: -1 })).toMatchInlineSnapshot(
      `"INVALID_INPUT: step 'Charge': retries is -1; accepted is a whole number from 0 to 1000000: the attempts after the first"`,
    )
    expect(message({ retries: 1.5 })).toMatchInlineSnapshot(
      `"INVALID_INPUT: step 'Charge': retries is 1.5; accepted is a whole number from 0 to 1000000: the attempts after the first"`,
    )
    expect(message({ retries: Infinity })).toMatchInlineSnapshot(
      `"INVALID_INPUT: step 'Charge': retries is Infinity; accepted is a whole number from 0 to 1000000: the attempts after the first"`,
    )
    expect(message({ retries: '3' })).toMatchInlineSnapshot(
      `"INVALID_INPUT: step 'Charge': retries is '3'; accepted is a whole number from 0 to 1000000: the attempts after the first"`,
    )
    expect(message({ retryDelay: 'exponential' })).toMatchInlineSnapshot(
      `"INVALID_DURATION: step 'Charge': retryDelay: 'exponential' is not a duration; accepted is a number of milliseconds (0 or more), or a string such as '500ms', '5s', '5min', '2h', '1d', '1w' or '1h 30m'"`,
    )
    expect(message({ backoff: 'exponential' })).toMatchInlineSnapshot(
      `"INVALID_INPUT: step 'Charge': the option backoff is not supported yet; accepted are retries and retryDelay"`,
    )
    expect(message({ timeout: '5s' })).toMatchInlineSnapshot(
      `"INVALID_INPUT: step 'Charge': the option timeout is not supported yet; accepted are retries and retryDelay"`,
    )
  })
})

describe('nextAttempt', () => {
  test('retries are the attempts after the first', () => {
    const decisions = [1, 2, 3, 4].map((attempt) => nextAttempt(failed({ attempt })))
    expect(decisions).toEqual([{ retryInMs: 1_000 }, { retryInMs: 1_000 }, 'give up', 'give up'])
    expect(nextAttempt(failed({ policy: { retries: 0, retryDelayMs: 0 } }))).toBe('give up')
  })

  test('attempts lost with their worker use up none of them', () => {
    fc.assert(
      fc.property(fc.nat(10), fc.integer({ min: 1, max: 10 }), fc.nat(10), (retries, used, lost) => {
        const decision = nextAttempt(failed({ policy: { retries, retryDelayMs: 0 }, attempt: used + lost, lost }))
        expect(decision).toEqual(used <= retries ? { retryInMs: 0 } : 'give up')
      }),
    )
  })

  test('NonRetryableError ends the step, also by name or flag', () => {
    class Declined extends NonRetryableError {}
    const fromElsewhere = Object.assign(new Error('x'), { name: 'NonRetryableError' })
    for (const error of [new NonRetryableError('x'), new Declined('x'), fromElsewhere, { retryable: false }]) {
      expect(nextAttempt(failed({ error }))).toBe('give up')
    }
    expect(nextAttempt(failed({ error: { retryable: true } }))).toEqual({ retryInMs: 1_000 })
  })

  test('retryAfter is a minimum beside retryDelay', () => {
    expect(nextAttempt(failed({ error: new RetryableError('x', { retryAfter: '30s' }) }))).toEqual({
      retryInMs: 30_000,
    })
    expect(nextAttempt(failed({ error: new RetryableError('x', { retryAfter: 5 }) }))).toEqual({ retryInMs: 1_000 })
    const fromElsewhere = Object.assign(new Error('x'), { name: 'RetryableError', retryAfter: '2s' })
    expect(nextAttempt(failed({ error: fromElsewhere }))).toEqual({ retryInMs: 2_000 })
    // Other libraries' retryAfter is in whatever unit they like.
    expect(nextAttempt(failed({ error: Object.assign(new Error('x'), { retryAfter: 60_000 }) }))).toEqual({
      retryInMs: 1_000,
    })
    expect(nextAttempt(failed({ attempt: 3, error: new RetryableError('x', { retryAfter: '30s' }) }))).toBe('give up')
  })

  test('settles whatever was thrown', () => {
    const hostile = new Proxy(new Error('x'), {
      get() {
        throw new Error('no')
      },
    })
    expect(nextAttempt(failed({ error: hostile }))).toEqual({ retryInMs: 1_000 })
    expect(nextAttempt(failed({ error: new RetryableError('x', { retryAfter: 'soon' }) }))).toEqual({
      retryInMs: 1_000,
    })
    fc.assert(fc.property(fc.anything(), (error) => void nextAttempt(failed({ error }))))
  })
})

import type { Clock } from '../contract/index.ts'
import { WorkflowError } from '../contract/index.ts'
import type { Report } from './report.ts'

const firstPauseMs = 50
const longestPauseMs = 2_000

/**
 * Ask the store until it gives a definite answer. Every operation is idempotent and fenced, so asking again is always
 * right; giving up would run a step again whose effect has happened. Ends early when `signal` aborts.
 */
export async function persist<T>(
  what: { during: string; signal: AbortSignal; clock: Clock; report: Report },
  ask: () => Promise<T>,
): Promise<T> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await ask()
    } catch (error) {
      if (!WorkflowError.is(error, 'STORE_UNAVAILABLE') || what.signal.aborted) throw error
      what.report({ kind: 'trouble', during: what.during, error })
      await what.clock.sleep(pauseMs, what.signal)
    }
  }
}

import { failedTurnsReason } from '../domain/limits.ts'
import { asError } from '../domain/serialized-error.ts'
import type { Decision } from '../replay/index.ts'

/** Where a held run stands when its next move is decided. */
export interface TurnState {
  readonly decision: Decision
  /** Inline steps that run, are about to, are due in a moment, or ended without being recorded yet. */
  readonly inline: number
  /** Steps the body asked for that no commit has put on record yet. */
  readonly more: number
  readonly wakeSeq: number
  /** This process takes no more work. */
  readonly stopping: boolean
  /** How long what is given back waits for others. */
  readonly handOverMs: number
  /** Its grace is over as well: leave even inline steps behind. */
  readonly graceOver: boolean
}

/** How to leave, before payloads are encoded. */
export type Leaving =
  | { readonly kind: 'hold' }
  | { readonly kind: 'park'; readonly wakeSeq: number }
  | { readonly kind: 'yield'; readonly delayMs: number }
  /** This code cannot go on with this history. */
  | { readonly kind: 'suspend'; readonly wakeSeq: number; readonly reason: string }
  | { readonly kind: 'complete'; readonly output: unknown }
  | { readonly kind: 'fail'; readonly error: unknown }
  | { readonly kind: 'cancel'; readonly reason: string }

const hold: Leaving = { kind: 'hold' }

/** How a run is left whose turn could not be taken: given back to be tried again, or for a person to mend. */
export function leavingAfter(error: unknown, tooMany: boolean, how: { wakeSeq: number; delayMs: number }): Leaving {
  if (!tooMany) return { kind: 'yield', delayMs: how.delayMs }
  return { kind: 'suspend', wakeSeq: how.wakeSeq, reason: failedTurnsReason(asError(error).message) }
}

/** The next move of a run: pure, and the only place where it is decided. */
export function planLeaving(state: TurnState): Leaving {
  const { decision, wakeSeq, handOverMs: delayMs } = state
  if (decision.kind === 'diverged') {
    const reason = `the code does not fit the history of this run: ${decision.reason}. A worker whose code fits goes on with it by itself`
    return { kind: 'suspend', wakeSeq, reason }
  }
  if (decision.kind === 'cancelled') return { kind: 'cancel', reason: decision.reason }
  if (decision.kind === 'threw') return { kind: 'fail', error: decision.error }
  if (decision.kind === 'returned' && decision.open === 0) return { kind: 'complete', output: decision.output }
  if (state.inline > 0) return state.graceOver ? { kind: 'yield', delayMs } : hold
  if (state.stopping) return { kind: 'yield', delayMs }
  // The body awaits something that is not a step: only this process can bring it on, so the lease stays (A3).
  if (decision.open === 0 || state.more > 0) return hold
  return { kind: 'park', wakeSeq }
}

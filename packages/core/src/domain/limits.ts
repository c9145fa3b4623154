import type { StepId } from '../contract/records.ts'
import { describeStep } from './step-id.ts'

/** Default limit of one encoded payload. Larger ones stall the event loop while (de)coded and belong in a blob store. */
export const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024

/** Lost attempts after which a step's run is suspended: by then it is likelier that the step kills its workers than that ten of them died of something else. */
export const MAX_LOST_ATTEMPTS = 10

/** Crashes without progress after which a run is suspended. Enough to survive a bad deploy, few enough to protect its neighbours. */
export const MAX_CRASHES = 10

/**
 * Turns of a run that one process may fail to take in a row, for a reason that is not known to pass, before the run is
 * suspended. With the pause after each that is most of a minute: enough for a rolling deploy to bring a worker that can.
 */
export const MAX_FAILED_TURNS = 10

/** Steps one run may have. Its history is held in memory while it is replayed; beyond this the work belongs in several runs. */
export const MAX_STEPS = 100_000

/**
 * How long replay waits, in real time, for a body to ask for a step its history says it asked for. Covers what a body
 * awaits besides steps (a fetch, a query); longer than that and the code is taken to have changed.
 */
export const REPLAY_GRACE_MS = 30_000

/** Errors (causes, aggregated errors, errors in fields) kept in full in one value; later ones keep name and message. Bounds endless chains of causes. */
export const MAX_ERRORS_IN_FULL = 100

/** How deep a value may nest. Reading one back recurses; deeper than about 2,000 it no longer fits a fresh process's stack. */
export const MAX_DEPTH = 1_000

/** How large a bigint may be. Its digits take more than linear time to find and to read, which nobody else gets meanwhile. */
export const MAX_BIGINT_BITS = 1_000_000

/** Why a run is suspended after `MAX_LOST_ATTEMPTS`. */
export function lostAttemptsReason(step: StepId): string {
  return (
    `step ${describeStep(step)} lost ${MAX_LOST_ATTEMPTS} attempts: each time its worker died, stopped answering while the step ran, or could not read its input. ` +
    'Check that worker for crashes and memory limits, then resume the run'
  )
}

/** Why a run is suspended after `MAX_FAILED_TURNS`. */
export function failedTurnsReason(why: string): string {
  return `its turn could not be taken ${MAX_FAILED_TURNS} times in a row: ${why}. Mend that, then resume the run`
}

/** Why a run is suspended after `MAX_CRASHES`. */
export function crashesReason(): string {
  return (
    `the process running this workflow died ${MAX_CRASHES} times without the run making progress. ` +
    'Check the workflow function and its inline steps for crashes, then resume the run'
  )
}

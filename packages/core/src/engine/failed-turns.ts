import type { RunId } from '../contract/index.ts'
import { WorkflowError } from '../contract/index.ts'
import { MAX_FAILED_TURNS } from '../domain/limits.ts'
import { CodecFailedError } from './values.ts'

/** Whose count is kept at a time. */
const mostRuns = 10_000

/**
 * How often in a row this process could not take the turn of a run, so that one whose history nobody can read (somebody
 * edited it) is not tried for ever.
 */
export class FailedTurns {
  readonly #inARow = new Map<RunId, number>()

  /** Count one more. True: that was one too many. A database or a codec that is away does not count, that is over some time. */
  isOneTooMany(runId: RunId, error: unknown): boolean {
    if (WorkflowError.is(error, 'STORE_UNAVAILABLE') || error instanceof CodecFailedError) return false
    const times = (this.#inARow.get(runId) ?? 0) + 1
    // As the newest: of those that went elsewhere meanwhile the oldest is forgotten.
    this.#inARow.delete(runId)
    this.#inARow.set(runId, times)
    const [oldest] = this.#inARow.keys()
    if (oldest !== undefined && this.#inARow.size > mostRuns) this.#inARow.delete(oldest)
    if (times < MAX_FAILED_TURNS) return false
    this.taken(runId)
    return true
  }

  /** A turn was taken, or the run is for a person to mend. */
  taken(runId: RunId): void {
    this.#inARow.delete(runId)
  }
}

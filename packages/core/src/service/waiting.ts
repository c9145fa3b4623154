import type { Run } from '../contract/index.ts'
import { RunNotFoundError, StoreUnavailableError, WorkflowError } from '../contract/index.ts'
import { isEnded } from '../domain/run-state.ts'

/** `last`: the run as it was last seen; null: there is none; undefined: nobody could be asked. */
interface Waited {
  readonly runId: string
  readonly last: Run | null | undefined
  readonly timeoutMs: number | null
  readonly isClosed: boolean
}

/** The run that was waited for. @throws WorkflowError that says why its end was not seen */
export function endedRun({ runId, last, timeoutMs, isClosed }: Waited): Run {
  if (last === null) throw new RunNotFoundError(runId)
  if (last && hasEnded(last)) return last
  if (isClosed) throw closed(`run ${runId} goes on without it`)
  if (last === undefined) {
    throw new StoreUnavailableError(`run ${runId}: the database could not be asked within ${timeoutMs} ms`)
  }
  throw new WorkflowError(
    'WAIT_TIMEOUT',
    `run ${runId} has not ended within ${timeoutMs} ms; it is ${last.status} and goes on`,
  )
}

export function hasEnded(run: Run): boolean {
  return isEnded(run.status)
}

/** The workflow service was closed while it was needed. */
export function closed(consequence: string): StoreUnavailableError {
  return new StoreUnavailableError(`this workflow service was closed; ${consequence}`)
}

import type { Payload, Run, RunId, Step, StepId } from './records.ts'

/** A step as a person looks at it. */
export interface StepDetail extends Step {
  /** rpc: what its function is given. child: what its run was started with. Else null. */
  readonly input: Payload | null
  /** When the body asked for it. */
  readonly createdAt: number
  /** When the latest attempt began. Stays, as `worker` does, when that one was lost, failed or was given back. */
  readonly startedAt: number | null
  /** The owner that holds it, or that held it last. */
  readonly worker: string | null
}

/** A finished attempt of an rpc or inline step. */
export interface Attempt {
  /** The step it was made for. */
  readonly step: StepId
  /** What the step is. */
  readonly kind: 'rpc' | 'inline'
  /** The function it called; null for an inline step. */
  readonly rpcName: string | null
  /** 1 for the first. */
  readonly attempt: number
  /** `lost`: its worker died or gave it up unfinished; no error was recorded. */
  readonly outcome: 'succeeded' | 'failed' | 'lost'
  /** Set when it succeeded. */
  readonly output: Payload | null
  /** Set when it failed. */
  readonly error: Payload | null
  /** The owner that made it. */
  readonly worker: string | null
  /** When the attempt began and ended. */
  readonly startedAt: number
  /** The same clock as `startedAt`. */
  readonly endedAt: number
}

/** Which runs, and which page of them. */
export interface RunQuery {
  /** Runs of the workflow of this name. Default: of all. */
  readonly workflow?: string
  /** Runs in one of these. Default: in any. */
  readonly statuses?: readonly Run['status'][]
  /** Runs that carry all of these. */
  readonly tags?: readonly string[]
  /** Milliseconds since the epoch, exclusive. */
  readonly createdAfter?: number
  /** Milliseconds since the epoch, exclusive. */
  readonly createdBefore?: number
  /** At most so many on a page. */
  readonly limit: number
  /** From the page before; opaque. */
  readonly cursor?: string
}

/** The read port, for consoles and for the workflow service. An unknown run has no steps and no attempts. */
export interface WorkflowReader {
  /** Null for an unknown id. */
  getRun(runId: RunId): Promise<Run | null>
  /** In the order they were asked for. */
  listSteps(runId: RunId): Promise<readonly StepDetail[]>
  /** In the order they ended. */
  listAttempts(runId: RunId): Promise<readonly Attempt[]>
  /** Newest first; a page is stable under inserts. */
  listRuns(query: RunQuery): Promise<{ runs: readonly Run[]; cursor: string | null }>
}

/** What is done to the store as a whole. */
export interface WorkflowAdmin {
  /**
   * Bring the schema up to date; safe under any number of processes at once. Only `WorkflowService.init` calls it, which apps
   * need not: a store whose other calls need the schema sees to it on its first use, or tells its users to call `init`.
   *
   * @throws `WorkflowError` with code `SCHEMA_TOO_NEW` when the schema is newer than this code accepts
   */
  migrate(): Promise<void>
  /** Delete ended runs and every trace of them, those that ended first first; answers how many. Their ids are free again. */
  deleteRuns(which: { finishedBefore: number; statuses?: readonly Run['status'][]; limit: number }): Promise<number>
}

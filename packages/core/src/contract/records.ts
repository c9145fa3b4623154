/** A run's id: the caller's own, or a UUIDv7. Any string up to 200 characters; opaque to a store. */
export type RunId = string

/**
 * Encoded user data: opaque, well-formed Unicode without U+0000. Core makes and reads it; a store never parses it
 * and gives back exactly what it was given.
 */
export type Payload = string

/** Identifies a step inside its run. `ordinal` counts the uses of one name: 0 for the first. */
export interface StepId {
  readonly name: string
  readonly ordinal: number
}

/** `suspended` is a kind of waiting, not an end: work that is under way still settles. */
export type RunStatus = 'running' | 'suspended' | EndedStatus
export type EndedStatus = 'completed' | 'failed' | 'cancelled'

export type StepKind = 'rpc' | 'inline' | 'sleep' | 'suspend' | 'child'

/**
 * `scheduled`: waits for a worker, for its time (a sleep, a retry), for a signal or for its child.
 * `running`: a step worker holds its lease (rpc steps only). The other two are final.
 */
export type StepStatus = 'scheduled' | 'running' | 'succeeded' | 'failed'

/** Instants in records are milliseconds since the epoch by the store's clock: to show, never to compute deadlines from. */
export interface Run {
  readonly runId: RunId
  readonly workflow: string
  readonly status: RunStatus
  readonly input: Payload
  /** Digest of the input before encoding: tells whether two starts with one id ask for the same. */
  readonly inputDigest: string
  /** Set when completed. */
  readonly output: Payload | null
  /** Set when failed. */
  readonly error: Payload | null
  /** Plain text: why it was cancelled, or why it is suspended. */
  readonly reason: string | null
  readonly tags: readonly string[]
  readonly parent: ParentStep | null
  /** Claims over a lease that its holder let run out, since the run last made progress. */
  readonly crashes: number
  readonly createdAt: number
  readonly updatedAt: number
  readonly endedAt: number | null
}

/** The child step this run settles when it ends. */
export interface ParentStep {
  readonly runId: RunId
  readonly step: StepId
  /** What becomes of this run when its parent ended first. */
  readonly onEnd: 'cancel' | 'abandon'
}

export interface NewRun {
  readonly runId: RunId
  readonly workflow: string
  readonly input: Payload
  readonly inputDigest: string
  readonly tags: readonly string[]
  readonly parent?: ParentStep
}

/** A step as replay needs it: without its input payload. */
export interface Step {
  readonly id: StepId
  readonly kind: StepKind
  readonly status: StepStatus
  /** rpc: the function's name. child: the workflow's name. Else null. */
  readonly rpcName: string | null
  /** Digest of what it was asked with, to recognise changed code; null where a kind has no input. */
  readonly inputDigest: string | null
  /** Set when succeeded (a sleep's is the empty string). */
  readonly output: Payload | null
  /**
   * Set when failed, except a child that was cancelled: then `reason` says why. While scheduled: the error of the latest
   * attempt that failed (a lost one has none). Null while running.
   */
  readonly error: Payload | null
  readonly reason: string | null
  /** Attempts begun: 0 before the first. */
  readonly attempt: number
  /** How many of those were lost with their worker; they use up none of the retries. */
  readonly lost: number
  /** The settledSeq last delivered to the body when it asked for this step; 0 before any. */
  readonly askedAfter: number
  /** Place in the run's total order of settlements; null until settled. Unique and strictly growing, not gap-free. */
  readonly settledSeq: number | null
  readonly settledAt: number | null
  /**
   * Time left, by the store's clock at the moment of reading, until a sleep ends or a retry may run; 0 or less: due. Null: no
   * timer, which for a retry is the same as due.
   */
  readonly dueInMs: number | null
  /** The run's revision at which this row last changed. Every change of a row gets a revision of its own. */
  readonly revision: number
}

/** How often and how soon a step is tried again; stored with an rpc step, interpreted by core alone. */
export interface RetryPolicy {
  /** Extra attempts after the first. */
  readonly retries: number
  /** Least time between two attempts, in ms. */
  readonly retryDelayMs: number
}

/** A signal that no suspend step has consumed yet, or the resume of a run that the engine suspended. */
export interface Signal {
  readonly signalId: string
  readonly name: string
  readonly payload: Payload
  readonly revision: number
}

/**
 * The timed right to write. `epoch` is the fencing number: it grows with every claim and a write with an older one is
 * refused. `claimId` makes a repeated claim recognisable, and a lease of a run that was deleted since: a run that has its
 * id now may count its epochs anew. A write is refused unless both are those of the row. `step` is set for the lease of one rpc step.
 */
export interface Lease {
  readonly runId: RunId
  readonly step?: StepId
  readonly owner: string
  readonly claimId: string
  readonly epoch: number
}

/**
 * What changed in a run after some revision, oldest change first: each row once, as it is now. A store hands over a prefix of
 * the order, without holes.
 * An answer that holds a lock carries at most 128 KiB; with `more`, read on with `readChanges` after `revision`.
 */
export interface Changes {
  readonly steps: readonly Step[]
  readonly signals: readonly Signal[]
  /** Complete up to here: the `after` of the next question. */
  readonly revision: number
  readonly more: boolean
}

/** What a claimed run's holder starts from. */
export interface History extends Changes {
  readonly run: Run
  /**
   * Counts what happened to the run from outside: settlements by step workers, signals, ends of children, resumes. Not what its
   * holder's own commits do. From the same snapshot as the rows, never newer than they are.
   */
  readonly wakeSeq: number
}

/** Work to hand to a queue. Losing, doubling, delaying or reordering items changes when things happen, never what. */
export type WorkItem = RunItem | StepItem
export interface RunItem {
  readonly kind: 'run'
  readonly runId: RunId
  readonly workflow: string
  /** Another process holds the run's lease: tell it by a notice rather than by a queue message. */
  readonly held?: boolean
}
export interface StepItem {
  readonly kind: 'step'
  readonly runId: RunId
  readonly step: StepId
  readonly rpcName: string
  /** The attempt this dispatch is for. */
  readonly attempt: number
  /** Never the same twice for one step: makes the key of a queue message. */
  readonly dispatch: number
}

/** How an attempt ended. `durationMs` runs from its start to its end on the worker's monotonic clock. */
export type StepOutcome =
  | { readonly kind: 'succeeded'; readonly output: Payload; readonly durationMs: number }
  | { readonly kind: 'failed'; readonly error: Payload; readonly durationMs: number }
  /** Failed, with an attempt left: due again after `delayMs`. */
  | { readonly kind: 'retry'; readonly error: Payload; readonly delayMs: number; readonly durationMs: number }

/** A settled step's place in the order, where its payload is known to the caller already. */
export interface Settlement {
  readonly id: StepId
  readonly settledSeq: number
  readonly settledAt: number
}

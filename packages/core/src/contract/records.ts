/** A run's id: the caller's own, or a UUIDv7. Any string up to 200 characters; opaque to a store. */
export type RunId = string

/**
 * Encoded user data: opaque, well-formed Unicode without U+0000. Core makes and reads it; a store never parses it
 * and gives back exactly what it was given.
 */
export type Payload = string

/** Identifies a step inside its run. `ordinal` counts the uses of one name: 0 for the first. */
export interface StepId {
  /** As the body named it. */
  readonly name: string
  /** 0 for the first use of the name, 1 for the second … */
  readonly ordinal: number
}

/** `suspended` is a kind of waiting, not an end: work that is under way still settles. */
export type RunStatus = 'running' | 'suspended' | EndedStatus
/** A run that has ended stays as it is, whatever comes later. */
export type EndedStatus = 'completed' | 'failed' | 'cancelled'

/** `rpc`: a function, in any worker. `inline`: in the body. `sleep`, `suspend`: until a time, a signal. `child`: another run. */
export type StepKind = 'rpc' | 'inline' | 'sleep' | 'suspend' | 'child'

/**
 * `scheduled`: waits for a worker, for its time (a sleep, a retry), for a signal or for its child.
 * `running`: a step worker holds its lease (rpc steps only). The other two are final.
 */
export type StepStatus = 'scheduled' | 'running' | 'succeeded' | 'failed'

/** Instants in records are milliseconds since the epoch by the store's clock: to show, never to compute deadlines from. */
export interface Run {
  /** The caller's own, or a UUIDv7. */
  readonly runId: RunId
  /** The workflow's name. */
  readonly workflow: string
  /** `running` until it is suspended or ends. */
  readonly status: RunStatus
  /** What it was started with. */
  readonly input: Payload
  /** Digest of the input before encoding: tells whether two starts with one id ask for the same. */
  readonly inputDigest: string
  /** Set when completed. */
  readonly output: Payload | null
  /** Set when failed. */
  readonly error: Payload | null
  /** Plain text: why it was cancelled, or why it is suspended. */
  readonly reason: string | null
  /** To find it by; given when it was started. */
  readonly tags: readonly string[]
  /** The step of another run that waits for this one; null: none does. */
  readonly parent: ParentStep | null
  /** Claims over a lease that its holder let run out, since the run last made progress. */
  readonly crashes: number
  /** When it was made. */
  readonly createdAt: number
  /** When the row was last written. */
  readonly updatedAt: number
  /** When it ended; null: it has not. */
  readonly endedAt: number | null
}

/** The child step this run settles when it ends. */
export interface ParentStep {
  /** The run that waits. */
  readonly runId: RunId
  /** The step of it that this run settles. */
  readonly step: StepId
  /** What becomes of this run when its parent ended first. */
  readonly onEnd: 'cancel' | 'abandon'
}

/** What a run is started with. */
export interface NewRun {
  /** The caller's own, or a UUIDv7. */
  readonly runId: RunId
  /** The workflow's name. */
  readonly workflow: string
  /** Encoded. */
  readonly input: Payload
  /** Of the input before encoding. */
  readonly inputDigest: string
  /** To find it by. */
  readonly tags: readonly string[]
  /** Set for a child. */
  readonly parent?: ParentStep
}

/** A step as replay needs it: without its input payload. */
export interface Step {
  /** Unique in its run. */
  readonly id: StepId
  /** What the body asked for. */
  readonly kind: StepKind
  /** How far it is. */
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
  /** child: why that run was cancelled. Else null. */
  readonly reason: string | null
  /** Attempts begun: 0 before the first. */
  readonly attempt: number
  /** How many of those were lost with their worker; they use up none of the retries. */
  readonly lost: number
  /** The settledSeq last delivered to the body when it asked for this step; 0 before any. */
  readonly askedAfter: number
  /** Place in the run's total order of settlements; null until settled. Unique and strictly growing, not gap-free. */
  readonly settledSeq: number | null
  /** When it settled; null: it is open. */
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
  /** The sender's own: the same one again is not accepted. */
  readonly signalId: string
  /** Of the suspend step it is meant for. */
  readonly name: string
  /** What the suspend step becomes. */
  readonly payload: Payload
  /** The run's revision at which it came. */
  readonly revision: number
}

/**
 * The timed right to write. `epoch` is the fencing number: it grows with every claim and a write with an older one is
 * refused. `claimId` makes a repeated claim recognisable, and a lease of a run that was deleted since: a run that has its
 * id now may count its epochs anew. A write is refused unless both are those of the row. `step` is set for the lease of one rpc step.
 */
export interface Lease {
  /** The run it is for, or whose step. */
  readonly runId: RunId
  /** Set for the lease of one rpc step. */
  readonly step?: StepId
  /** The process that holds it. */
  readonly owner: string
  /** Of the claim it was given to: unique. */
  readonly claimId: string
  /** Grows with every claim of the row. */
  readonly epoch: number
}

/**
 * What changed in a run after some revision, oldest change first: each row once, as it is now. A store hands over a prefix of
 * the order, without holes.
 * An answer that holds a lock carries at most 128 KiB; with `more`, read on with `readChanges` after `revision`.
 */
export interface Changes {
  /** Rows as they are now. */
  readonly steps: readonly Step[]
  /** Those that no step has consumed. */
  readonly signals: readonly Signal[]
  /** Complete up to here: the `after` of the next question. */
  readonly revision: number
  /** Cut here: read on after `revision`. */
  readonly more: boolean
}

/** What a claimed run's holder starts from. */
export interface History extends Changes {
  /** As it is once claimed. */
  readonly run: Run
  /**
   * Counts what happened to the run from outside: settlements by step workers, signals, ends of children, resumes. Not what its
   * holder's own commits do. From the same snapshot as the rows, never newer than they are.
   */
  readonly wakeSeq: number
}

/** Work to hand to a queue. Losing, doubling, delaying or reordering items changes when things happen, never what. */
export type WorkItem = RunItem | StepItem
/** A run that can go on. */
export interface RunItem {
  /** Tells the two apart. */
  readonly kind: 'run'
  /** The run to go on with. */
  readonly runId: RunId
  /** Its name, for workers that have only some. */
  readonly workflow: string
  /** Another process holds the run's lease: tell it by a notice rather than by a queue message. */
  readonly held?: boolean
}
/** An rpc step that can be attempted. */
export interface StepItem {
  /** Tells the two apart. */
  readonly kind: 'step'
  /** The run it belongs to. */
  readonly runId: RunId
  /** The step to attempt. */
  readonly step: StepId
  /** The function to call, for workers that have only some. */
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
  /** The step. */
  readonly id: StepId
  /** Its place. */
  readonly settledSeq: number
  /** When, by the clock of the store. */
  readonly settledAt: number
}

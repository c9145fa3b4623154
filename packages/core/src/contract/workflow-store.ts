import type {
  Changes,
  History,
  Lease,
  NewRun,
  Payload,
  RetryPolicy,
  Run,
  RunId,
  Settlement,
  StepId,
  StepOutcome,
  WorkItem,
} from './records.ts'
import type { RunNotices } from './run-notices.ts'
import type { WorkflowAdmin, WorkflowReader } from './workflow-reader.ts'

/**
 * The write port: what the engine needs of a database.
 *
 * Every operation is atomic, fenced by the lease's epoch where it takes a lease, and idempotent: when an answer was lost
 * the same call again gives the same answer. An adapter therefore repeats a call whose outcome is unknown by itself, and
 * only a definite answer reaches the caller; `StoreUnavailableError` when it cannot get one.
 *
 * Durations cross this port, instants do not: the store's own clock computes every deadline, after it holds its locks.
 * Every string handed in is well-formed Unicode without U+0000 and every duration an integer of at most 100 years; the
 * engine sees to both.
 */
export interface WorkflowStore {
  /** Insert a run, or return the one that already has this id. `wake` rings it in both cases, unless it has ended. */
  createRun(run: NewRun): Promise<{ run: Run; created: boolean; wake: readonly WorkItem[] }>

  /**
   * Take the run's lease, settle its due sleeps, the one due first first, and read what changed after `after` (0:
   * everything). The run is `running` then, without a reason. The same `claimId` again returns the same lease, as long as
   * it is held; then null. A claim over a lease that ran out counts as a crash. Each crash doubles the lease (64 times as
   * long at most), and from the second on the next claim is held back after the lease's end: 1 s, 2 s, 4 s … at most a
   * minute. One crash over `limit.max` suspends the run with `limit.reason` instead: whatever the code, nobody claims it
   * before a `resume`. A run suspended for some code may be claimed by a worker with any other `codeHash`.
   * Null: unknown, ended, leased to another, held back after crashes, or not for this worker.
   * `ended: 'parent'`: a child, leased or not, whose parent has ended or was deleted and that is not to outlive it; nothing
   * was claimed.
   */
  claimRun(ask: ClaimRun): Promise<RunClaim | { readonly ended: 'parent' } | null>

  /**
   * Apply one turn of a held run: all of it, or none if another claim holds it or the run has ended (`LeaseLostError`).
   * The claim decides, by epoch and claim id, not the clock: a lease that merely ran out still writes. A turn number already applied in this lease
   * answers as it did the first time; once later ones were applied it writes nothing (its first sending may arrive late). Places in the order are given to due sleeps, settled as by a claim, then to
   * `record`, then to `schedule`, each as listed. A step that has a row is not made again, and a settled one is never
   * written again. A turn that records or schedules something clears the run's `crashes`.
   * `wake`: the rpc steps and the children that were scheduled; the run when it was yielded without a delay; when it ended,
   * its parent if nobody was told of that one before, and perhaps its children.
   */
  commitRun(lease: Lease, turn: Turn): Promise<Committed>

  /**
   * More of what `claimRun` or `commitRun` left out, lock-free, after the revision they answered with. Cut like them, but
   * a single row that is larger comes alone: every page gets on. Of an unknown run: nothing, and `after` for the revision.
   */
  readChanges(runId: RunId, after: number): Promise<Changes>

  /**
   * Take an rpc step that is due and unclaimed, or whose lease ran out: that attempt is then recorded as lost, and one over
   * `limit.max` suspends the run with `limit.reason` instead. The same `claimId` again returns the same claim.
   * Null: unknown, not due, settled, leased to another, its run has ended or was suspended by the engine, or its function is not in `known`.
   */
  claimStep(ask: ClaimStep): Promise<StepClaim | null>

  /**
   * Record how the attempt ended and, if the step is settled by it, wake its run in the same write. `wake` holds the run
   * only if it was not already woken (by a yield, too) and unclaimed, or the step itself when it may be retried at once.
   * Null: superseded, settled already by another, or the run has ended. The same lease and outcome again answers as before;
   * another outcome for the same lease changes nothing.
   */
  settleStep(lease: Lease, outcome: StepOutcome): Promise<Settled | null>

  /**
   * Give a claimed step back unfinished, due again after `delayMs`. Its attempt is given back too unless its function was
   * `entered`: then it is recorded as lost. Does not wake the run; `wake` holds the step when it is due at once. Superseded,
   * settled or ended: nothing happens. The same release again answers as before.
   */
  releaseStep(lease: Lease, how: { entered: boolean; delayMs: number }): Promise<{ wake: readonly WorkItem[] }>

  /**
   * Extend these leases, never shortening one. A row locked by somebody is skipped and reported `busy`: neither renewed nor lost.
   * `lost`: superseded, released, or their run has ended. `woken`: held runs with a wake their holder has not read yet.
   * Called from the event loop, a third of a lease apart. A store may besides renew from a thread what its process holds: then a
   * step that blocks the event loop keeps its lease.
   */
  renewLeases(leases: readonly Lease[], leaseMs: number): Promise<Renewed>

  /**
   * `signal`: settle the oldest open suspend step of that name, else keep it for the next one; accepted once per signal id
   * of its run. Wakes the run, which is `running` then, unless the engine suspended it: then it stays so.
   * `resume`: let a run go on that the engine suspended, with its crash counter, those of losses of its open steps and what it
   * is blocked for cleared; a step's `retries` grow by what it lost, so that lost attempts go on costing none. Wakes any run
   * that has not ended, and rings it whether it was woken before or not.
   */
  signalRun(signal: NewSignal): Promise<{ accepted: boolean; wake: readonly WorkItem[] }>

  /**
   * End a run from outside, settling its parent's step in the same write. An ended or unknown run is left alone:
   * `cancelled: false`. `wake` as for a commit that ends a run.
   */
  cancelRun(runId: RunId, reason: string): Promise<{ cancelled: boolean; wake: readonly WorkItem[] }>

  /**
   * Find what ought to be moving and is not, up to `limit` of each kind, and stamp it so that the next sweep within its
   * window leaves it alone: runs woken or due and unclaimed, runs and steps whose lease ran out or whose owner's
   * connection has been gone for `graceMs`, rpc steps due and unclaimed, children of ended parents. The window starts at
   * `redispatchAfterMs` and doubles with each dispatch of the same thing, until somebody claims it; what was in the `wake` of
   * an answer was dispatched there. Runs only where a worker with `known` may claim them; children of ended parents and
   * steps of any workflow. Never returns healthy work, nor a run that was woken while it is held: its holder is told.
   */
  sweep(ask: Sweep): Promise<Swept>

  /**
   * From now on `owner` counts as alive for as long as this store's connection is, where `capabilities.noticesDeath`;
   * elsewhere it does nothing. Called once by each process that claims, before its first claim.
   */
  enlist(owner: string): Promise<void>

  /** What this store differs in from others. */
  readonly capabilities: StoreCapabilities

  /** Close what this store opened itself. Calls after it reject with `StoreUnavailableError`. */
  close(): Promise<void>
}

/** What stores differ in. */
export interface StoreCapabilities {
  /** A killed process is noticed by its connection; where false its leases run out instead. */
  readonly noticesDeath: boolean
}

/** A workflow this worker has, and the digest of its code. */
export interface KnownWorkflow {
  /** As it is wired. */
  readonly name: string
  /** Of its function's text. */
  readonly codeHash: string
}

/** How many losses are one too many, and what the run's `reason` becomes then. */
export interface LossLimit {
  /** So many are still none too many. */
  readonly max: number
  /** Plain text. */
  readonly reason: string
}

/** Who claims a run, and with what. */
export interface ClaimRun {
  /** The run to claim. */
  readonly runId: RunId
  /** The process that claims. */
  readonly owner: string
  /** Of this claim: unique, and the same when it is sent again. */
  readonly claimId: string
  /** How long it holds without being renewed, in ms. */
  readonly leaseMs: number
  /** What this worker has. */
  readonly known: readonly KnownWorkflow[]
  /** The revision it has read up to; 0: nothing. */
  readonly after: number
  /** Of losses. */
  readonly limit: LossLimit
}

/** A run that was claimed. */
export interface RunClaim {
  /** To write with. */
  readonly lease: Lease
  /** What to start from. */
  readonly history: History
}

/** Who claims an rpc step, and with what: `known` are the functions it has. */
export interface ClaimStep {
  /** The run it belongs to. */
  readonly runId: RunId
  /** The step to claim. */
  readonly step: StepId
  /** The process that claims. */
  readonly owner: string
  /** Of this claim: unique, and the same when it is sent again. */
  readonly claimId: string
  /** How long it holds without being renewed, in ms. */
  readonly leaseMs: number
  /** The functions this worker has. */
  readonly known: readonly string[]
  /** Of losses. */
  readonly limit: LossLimit
}

/** An rpc step that was claimed. */
export interface StepClaim {
  /** To settle or release it with. */
  readonly lease: Lease
  /** Of its run. */
  readonly workflow: string
  /** The function to call. */
  readonly rpcName: string
  /** What to call it with. */
  readonly input: Payload
  /** How often and how soon it is tried again. */
  readonly policy: RetryPolicy
  /** This attempt: 1 for the first. */
  readonly attempt: number
  /** Attempts before this one that were lost with their worker. */
  readonly lost: number
}

/** What became of an attempt. */
export interface Settled {
  /** Null when the attempt is to be retried: the step is not settled then. */
  readonly settledSeq: number | null
  /** What can go on now. */
  readonly wake: readonly WorkItem[]
}

/** One turn of a run: what the body asked for, what ran here, and how to leave. */
export interface Turn {
  /** 1, 2, 3 … within the lease. */
  readonly number: number
  /** The revision read so far; what changed since is handed back. */
  readonly after: number
  /** The code that took this turn. */
  readonly codeHash: string
  /** Steps that the body asked for, in that order. */
  readonly schedule: readonly StepPlan[]
  /** Inline attempts that ended here, in that order. */
  readonly record: readonly InlineRecord[]
  /** How to leave. */
  readonly next: NextMove
}

/** A step that the body asked for. */
export type StepPlan =
  | (Asked & {
      readonly kind: 'rpc'
      readonly rpcName: string
      readonly input: Payload
      readonly inputDigest: string
      readonly policy: RetryPolicy
    })
  | (Asked & { readonly kind: 'sleep'; readonly delayMs: number })
  /** Consumes the oldest waiting signal of its name in the same write. */
  | (Asked & { readonly kind: 'suspend' })
  | (Asked & { readonly kind: 'child'; readonly child: NewRun })

/** What every step has that is asked for. */
interface Asked {
  /** Unique in its run. */
  readonly id: StepId
  /** The settledSeq last delivered to the body when it asked. */
  readonly askedAfter: number
}

/** An inline step's attempt that ended in this process. The first one makes the step's row. */
export interface InlineRecord extends Asked {
  /** 1 for the first. */
  readonly attempt: number
  /** How it ended. */
  readonly outcome: StepOutcome
}

/** How to leave a turn. */
export type NextMove =
  /** Keep the lease: there is more to do here. */
  | { readonly kind: 'hold' }
  /** Wait for the engine. Refused when the run was woken since `wakeSeq`, or when this very commit settled a sleep or consumed a signal. */
  | { readonly kind: 'park'; readonly wakeSeq: number }
  /** Give the lease back with work left: the run is woken, at once or after `delayMs`. */
  | { readonly kind: 'yield'; readonly delayMs: number }
  /** Wait for a person: like park, shown as suspended. With `codeHash`: this code cannot go on with this history; not refused by a wake. */
  | { readonly kind: 'suspend'; readonly wakeSeq: number; readonly reason: string | null; readonly codeHash?: string }
  | { readonly kind: 'complete'; readonly output: Payload }
  | { readonly kind: 'fail'; readonly error: Payload }
  | { readonly kind: 'cancel'; readonly reason: string }

/** What a turn was answered with. */
export type Committed = Released | Held

/** The lease is gone as asked. */
export interface Released {
  /** Tells the two apart. */
  readonly released: true
  /** What can go on now. */
  readonly wake: readonly WorkItem[]
}

/** The lease is kept, as asked or because leaving was refused. Own inline records come back in `recorded` and not among `steps`. */
export interface Held extends Changes {
  /** Tells the two apart. */
  readonly released: false
  /** As in `History`. */
  readonly wakeSeq: number
  /** Where what this turn recorded stands in the order. */
  readonly recorded: readonly Settlement[]
  /** What can go on now, beside this run. */
  readonly wake: readonly WorkItem[]
}

/** What became of each lease; one that is not named was renewed. */
export interface Renewed {
  /** They write no more. */
  readonly lost: readonly Lease[]
  /** To be renewed again soon. */
  readonly busy: readonly Lease[]
  /** Their holders read on. */
  readonly woken: readonly RunId[]
}

/** Word from outside to a run. */
export type NewSignal =
  | {
      readonly kind: 'signal'
      readonly runId: RunId
      readonly signalId: string
      readonly name: string
      readonly payload: Payload
    }
  | { readonly kind: 'resume'; readonly runId: RunId }

/** What to look for. */
export interface Sweep {
  /** At most so many items of each kind. */
  readonly limit: number
  /** The first window, in ms. */
  readonly redispatchAfterMs: number
  /** How long a connection must have been gone before its owner counts as dead. */
  readonly graceMs: number
  /** What this worker has. */
  readonly known: readonly KnownWorkflow[]
}

/** What was found. */
export interface Swept {
  /** To hand to the queue. */
  readonly items: readonly WorkItem[]
  /** Some kind was cut at `limit`: sweep again at once. */
  readonly full: boolean
  /** Until the next timer, redispatch or lease end this store knows of; null: nothing is waited for. */
  readonly nextDueInMs: number | null
}

/** Everything a workflow service stands on; each part usable alone. */
export interface StorePorts {
  /** What the engine writes through. */
  readonly store: WorkflowStore
  /** What people look through. */
  readonly reader: WorkflowReader
  /** The schema, and deletion. */
  readonly admin: WorkflowAdmin
  /** Word of changes. */
  readonly notices: RunNotices
}

import type {
  Changes,
  ClaimRun,
  ClaimStep,
  Committed,
  Lease,
  NewRun,
  NewSignal,
  Renewed,
  RunId,
  Settled,
  StepClaim,
  StepOutcome,
  StoreCapabilities,
  Sweep,
  Swept,
  Turn,
  WorkflowStore,
  WorkItem,
} from '@pikku/core/contract'
import type { RedisLink } from './connection.ts'
import { Liveness } from './liveness.ts'
import { Outbox } from './outbox.ts'
import { OutsideOperations } from './outside-operations.ts'
import type { Cancelled, Signalled } from './outside-operations.ts'
import { RunOperations } from './run-operations.ts'
import type { Claimed, Created } from './run-operations.ts'
import { StepOperations } from './step-operations.ts'
import { SweepOperations } from './sweep-operations.ts'

/** The write port on Redis: every transition one script in the bucket of its run. */
export class RedisWorkflowStore implements WorkflowStore {
  readonly capabilities: StoreCapabilities = { noticesDeath: true }
  readonly #runs: RunOperations
  readonly #steps: StepOperations
  readonly #outside: OutsideOperations
  readonly #sweeps: SweepOperations
  readonly #liveness: Liveness
  readonly #close: () => Promise<void>

  /** `close`: of everything that was opened for this store. */
  constructor(link: RedisLink, close: () => Promise<void>) {
    const outbox = new Outbox(link)
    this.#liveness = new Liveness(link)
    this.#runs = new RunOperations(link, outbox)
    this.#steps = new StepOperations(link)
    this.#outside = new OutsideOperations(link, outbox)
    this.#sweeps = new SweepOperations(link, { outbox, liveness: this.#liveness })
    this.#close = close
  }

  createRun(run: NewRun): Promise<Created> {
    return this.#runs.createRun(run)
  }

  claimRun(ask: ClaimRun): Promise<Claimed> {
    return this.#runs.claimRun(ask)
  }

  commitRun(lease: Lease, turn: Turn): Promise<Committed> {
    return this.#runs.commitRun(lease, turn)
  }

  readChanges(runId: RunId, after: number): Promise<Changes> {
    return this.#runs.readChanges(runId, after)
  }

  claimStep(ask: ClaimStep): Promise<StepClaim | null> {
    return this.#steps.claimStep(ask)
  }

  settleStep(lease: Lease, outcome: StepOutcome): Promise<Settled | null> {
    return this.#steps.settleStep(lease, outcome)
  }

  releaseStep(lease: Lease, how: { entered: boolean; delayMs: number }): Promise<{ wake: readonly WorkItem[] }> {
    return this.#steps.releaseStep(lease, how)
  }

  renewLeases(leases: readonly Lease[], leaseMs: number): Promise<Renewed> {
    return this.#steps.renewLeases(leases, leaseMs)
  }

  signalRun(signal: NewSignal): Promise<Signalled> {
    return this.#outside.signalRun(signal)
  }

  cancelRun(runId: RunId, reason: string): Promise<Cancelled> {
    return this.#outside.cancelRun(runId, reason)
  }

  sweep(ask: Sweep): Promise<Swept> {
    return this.#sweeps.sweep(ask)
  }

  enlist(owner: string): Promise<void> {
    return this.#liveness.enlist(owner)
  }

  close(): Promise<void> {
    return this.#close()
  }
}

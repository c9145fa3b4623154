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
import type { Database } from './database.ts'
import { outsideOperations } from './outside-operations.ts'
import type { Cancelled, OutsideOperations, Signalled } from './outside-operations.ts'
import { Renewal } from './renewal.ts'
import { runOperations } from './run-operations.ts'
import type { Claimed, Created, RunOperations } from './run-operations.ts'
import { stepOperations } from './step-operations.ts'
import type { StepOperations } from './step-operations.ts'

/** The write port on PostgreSQL: every transition one statement, those of one moment one statement together. */
export class PgWorkflowStore implements WorkflowStore {
  readonly #runs: RunOperations
  readonly #steps: StepOperations
  readonly #outside: OutsideOperations
  readonly #renewal: Renewal
  readonly #close: () => Promise<void>

  constructor(db: Database, close: () => Promise<void>) {
    this.#runs = runOperations(db)
    this.#steps = stepOperations(db)
    this.#outside = outsideOperations(db)
    this.#renewal = new Renewal(db)
    this.#close = close
  }

  get capabilities(): StoreCapabilities {
    return { noticesDeath: this.#renewal.noticesDeath }
  }

  createRun(run: NewRun): Promise<Created> {
    return this.#runs.createRun(run)
  }

  claimRun(ask: ClaimRun): Promise<Claimed> {
    return this.#runs.claimRun(ask)
  }

  commitRun(lease: Lease, turn: Turn): Promise<Committed> {
    return this.#runs.commitRun({ lease, turn })
  }

  readChanges(runId: RunId, after: number): Promise<Changes> {
    return this.#runs.readChanges({ runId, after })
  }

  claimStep(ask: ClaimStep): Promise<StepClaim | null> {
    return this.#steps.claimStep(ask)
  }

  settleStep(lease: Lease, outcome: StepOutcome): Promise<Settled | null> {
    return this.#steps.settleStep({ lease, outcome })
  }

  releaseStep(lease: Lease, how: { entered: boolean; delayMs: number }): Promise<{ wake: readonly WorkItem[] }> {
    return this.#steps.releaseStep({ lease, ...how })
  }

  renewLeases(leases: readonly Lease[], leaseMs: number): Promise<Renewed> {
    return this.#renewal.renew(leases, leaseMs)
  }

  signalRun(signal: NewSignal): Promise<Signalled> {
    return this.#outside.signalRun(signal)
  }

  cancelRun(runId: RunId, reason: string): Promise<Cancelled> {
    return this.#outside.cancelRun({ runId, reason })
  }

  sweep(ask: Sweep): Promise<Swept> {
    return this.#outside.sweep(ask)
  }

  enlist(owner: string): Promise<void> {
    return this.#renewal.enlist(owner)
  }

  async close(): Promise<void> {
    await this.#renewal.close()
    await this.#close()
  }
}

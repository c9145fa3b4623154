import { StoreUnavailableError } from '../contract/index.ts'
import type {
  Attempt,
  Changes,
  ClaimRun,
  ClaimStep,
  Committed,
  Lease,
  NewRun,
  NewSignal,
  Renewed,
  Run,
  RunClaim,
  RunId,
  RunQuery,
  Settled,
  StepClaim,
  StepDetail,
  StepOutcome,
  StoreCapabilities,
  StorePorts,
  Sweep,
  Swept,
  Turn,
  WorkItem,
  WorkflowAdmin,
  WorkflowReader,
  WorkflowStore,
} from '../contract/index.ts'
import { changesOf } from './memory-changes.ts'
import { MemoryNotices } from './memory-notices.ts'
import { cancelRun, renewLeases, signalRun } from './memory-outside-writes.ts'
import { deleteRuns, getRun, listAttempts, listRuns, listSteps } from './memory-reader.ts'
import type { DeleteRuns } from './memory-reader.ts'
import { claimRun, commitRun, createRun } from './memory-run-writes.ts'
import { claimStep, releaseStep, settleStep } from './memory-step-writes.ts'
import { sweep } from './memory-sweep.ts'
import { MemoryTables } from './memory-tables.ts'

/**
 * The reference model: what every other store must agree with. Keeps everything in this process and loses it with it.
 * Several stores on the same tables are to each other what two processes on one database are.
 *
 * @example
 * const store = new MemoryStore(new MemoryTables(clock))
 */
export class MemoryStore implements WorkflowStore, WorkflowReader, WorkflowAdmin {
  readonly capabilities: StoreCapabilities = { noticesDeath: true }
  readonly #tables: MemoryTables
  readonly #enlisted = new Set<string>()
  #closed = false

  constructor(tables: MemoryTables = new MemoryTables()) {
    this.#tables = tables
  }

  createRun(run: NewRun): Promise<{ run: Run; created: boolean; wake: readonly WorkItem[] }> {
    return this.#write(run.runId, (tables) => createRun(tables, run))
  }

  claimRun(ask: ClaimRun): Promise<RunClaim | { readonly ended: 'parent' } | null> {
    return this.#write(ask.runId, (tables) => claimRun(tables, ask))
  }

  commitRun(lease: Lease, turn: Turn): Promise<Committed> {
    return this.#write(lease.runId, (tables) => commitRun(tables, lease, turn))
  }

  readChanges(runId: RunId, after: number): Promise<Changes> {
    return this.#read((tables) => {
      const run = tables.runs.get(runId)
      return run
        ? changesOf(tables, run, { after, lock: false })
        : { steps: [], signals: [], revision: after, more: false }
    })
  }

  claimStep(ask: ClaimStep): Promise<StepClaim | null> {
    return this.#write(ask.runId, (tables) => claimStep(tables, ask))
  }

  settleStep(lease: Lease, outcome: StepOutcome): Promise<Settled | null> {
    return this.#write(lease.runId, (tables) => settleStep(tables, lease, outcome))
  }

  releaseStep(lease: Lease, how: { entered: boolean; delayMs: number }): Promise<{ wake: readonly WorkItem[] }> {
    return this.#write(lease.runId, (tables) => releaseStep(tables, lease, how))
  }

  renewLeases(leases: readonly Lease[], leaseMs: number): Promise<Renewed> {
    return this.#read((tables) => renewLeases(tables, leases, leaseMs))
  }

  signalRun(signal: NewSignal): Promise<{ accepted: boolean; wake: readonly WorkItem[] }> {
    return this.#write(signal.runId, (tables) => signalRun(tables, signal))
  }

  cancelRun(runId: RunId, reason: string): Promise<{ cancelled: boolean; wake: readonly WorkItem[] }> {
    return this.#write(runId, (tables) => cancelRun(tables, runId, reason))
  }

  sweep(ask: Sweep): Promise<Swept> {
    return this.#read((tables) => sweep(tables, ask))
  }

  enlist(owner: string): Promise<void> {
    return this.#read((tables) => {
      tables.reconnect(owner)
      this.#enlisted.add(owner)
    })
  }

  getRun(runId: RunId): Promise<Run | null> {
    return this.#read((tables) => getRun(tables, runId))
  }

  listSteps(runId: RunId): Promise<readonly StepDetail[]> {
    return this.#read((tables) => listSteps(tables, runId))
  }

  listAttempts(runId: RunId): Promise<readonly Attempt[]> {
    return this.#read((tables) => listAttempts(tables, runId))
  }

  listRuns(query: RunQuery): Promise<{ runs: readonly Run[]; cursor: string | null }> {
    return this.#read((tables) => listRuns(tables, query))
  }

  /** Nothing to bring up to date. */
  migrate(): Promise<void> {
    return this.#read(() => undefined)
  }

  deleteRuns(which: DeleteRuns): Promise<number> {
    return this.#read((tables) => deleteRuns(tables, which))
  }

  /** The tables stay; this store's connection is over, and with it the life of the owners it enlisted. */
  close(): Promise<void> {
    this.#closed = true
    for (const owner of this.#enlisted) this.#tables.disconnect(owner)
    return Promise.resolve()
  }

  async #write<T>(runId: RunId, apply: (tables: MemoryTables) => T): Promise<T> {
    await roundTrip()
    for (let lock = this.#tables.locks.get(runId); lock; lock = this.#tables.locks.get(runId)) await lock
    return this.#apply(apply)
  }

  async #read<T>(apply: (tables: MemoryTables) => T): Promise<T> {
    await roundTrip()
    return this.#apply(apply)
  }

  /** One synchronous step: nobody sees half of it. The answer is a copy, as from a database. */
  #apply<T>(apply: (tables: MemoryTables) => T): T {
    if (this.#closed) throw new StoreUnavailableError('this memory store is closed')
    return structuredClone(apply(this.#tables))
  }
}

/** Others run before a call is applied, as they would while it travels. */
function roundTrip(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * Everything a workflow service stands on, in this process's memory.
 *
 * @example
 * const tables = new MemoryTables(clock)
 * const ports = memoryPorts(tables)
 * const sibling = memoryPorts(tables)
 */
export function memoryPorts(tables: MemoryTables = new MemoryTables()): StorePorts & { readonly store: MemoryStore } {
  const store = new MemoryStore(tables)
  return { store, reader: store, admin: store, notices: new MemoryNotices(tables) }
}

import type { Clock, Lease, RunId, WorkflowStore } from '../contract/index.ts'
import { LeaseLostError } from '../contract/index.ts'
import type { Report } from './report.ts'

/** A lease while it is held here. */
export interface HeldLease {
  readonly lease: Lease
  /** Aborts when the lease is known to be lost: what runs under it is to stop. */
  readonly signal: AbortSignal
  /** Its run was woken. */
  onWoken: () => void
}

interface Holding extends HeldLease {
  readonly abort: AbortController
}

/** Renews every lease this process holds, in one call; aborts those that are lost and wakes the holders of woken runs. */
export class LeaseKeeper {
  readonly #store: WorkflowStore
  readonly #clock: Clock
  readonly #leaseMs: number
  readonly #report: Report
  readonly #held = new Set<Holding>()
  readonly #byRun = new Map<RunId, Set<Holding>>()
  readonly #toCheck = new Set<Holding>()
  readonly #stopped = new AbortController()
  #running = false

  constructor(parts: { store: WorkflowStore; clock: Clock; leaseMs: number; report: Report }) {
    this.#store = parts.store
    this.#clock = parts.clock
    this.#leaseMs = parts.leaseMs
    this.#report = parts.report
  }

  hold(lease: Lease, onWoken: () => void = () => undefined): HeldLease {
    const abort = new AbortController()
    const holding: Holding = { lease, abort, signal: abort.signal, onWoken }
    this.#held.add(holding)
    const ofRun = this.#byRun.get(lease.runId) ?? new Set()
    this.#byRun.set(lease.runId, ofRun.add(holding))
    if (!this.#running) void this.#renewForEver()
    return holding
  }

  drop(held: HeldLease): void {
    const holding = held as Holding
    if (!this.#held.delete(holding)) return
    const ofRun = this.#byRun.get(held.lease.runId)
    ofRun?.delete(holding)
    if (ofRun?.size === 0) this.#byRun.delete(held.lease.runId)
  }

  /** The store refused it, or said that it is lost. */
  lose(held: HeldLease): void {
    const holding = held as Holding
    if (!this.#held.has(holding)) return
    const { runId, step } = held.lease
    this.drop(holding)
    holding.abort.abort(new LeaseLostError(runId, step))
    this.#report({ kind: 'lease-lost', runId, ...(step ? { step } : {}) })
  }

  /** Wake the holder of this run if it is here. */
  wake(runId: RunId): boolean {
    const run = [...(this.#byRun.get(runId) ?? [])].find((holding) => holding.lease.step === undefined)
    run?.onWoken()
    return run !== undefined
  }

  /** Something was heard of this run: ask the store about its leases now instead of with the next renewal. */
  check(runId: RunId): void {
    const holdings = this.#byRun.get(runId)
    if (!holdings) return
    if (this.#toCheck.size === 0) queueMicrotask(() => void this.#renew(this.#takeChecks()))
    for (const holding of holdings) this.#toCheck.add(holding)
  }

  checkAll(): void {
    for (const runId of this.#byRun.keys()) this.check(runId)
  }

  stop(): void {
    this.#stopped.abort()
  }

  #takeChecks(): Holding[] {
    const checks = [...this.#toCheck]
    this.#toCheck.clear()
    return checks
  }

  async #renewForEver(): Promise<void> {
    this.#running = true
    while (!this.#stopped.signal.aborted && this.#held.size > 0) {
      await this.#clock.sleep(this.#leaseMs / 3, this.#stopped.signal)
      if (this.#held.size > 0 && !this.#stopped.signal.aborted) await this.#renew([...this.#held])
    }
    this.#running = false
  }

  async #renew(holdings: readonly Holding[]): Promise<void> {
    const leases = holdings.map((holding) => holding.lease)
    try {
      const { lost, woken } = await this.#store.renewLeases(leases, this.#leaseMs)
      for (const runId of woken) this.wake(runId)
      for (const lease of lost) this.#loseAll(lease)
    } catch (error) {
      // Not a loss: whether others may write is the store's to say, and it could not be asked.
      this.#report({ kind: 'trouble', during: 'renewing leases', error })
    }
  }

  #loseAll(lease: Lease): void {
    for (const holding of this.#byRun.get(lease.runId) ?? []) {
      if (sameLease(holding.lease, lease)) this.lose(holding)
    }
  }
}

function sameLease(a: Lease, b: Lease): boolean {
  return a.epoch === b.epoch && a.step?.name === b.step?.name && a.step?.ordinal === b.step?.ordinal
}

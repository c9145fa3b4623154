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
  /** It is being left, and its commit will say whether it was released. */
  leaving: boolean
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
  /** Runs that are being claimed here, and whether anything was heard of them since. */
  readonly #expected = new Map<RunId, boolean>()
  readonly #stopped = new AbortController()
  #running = false

  constructor(parts: { store: WorkflowStore; clock: Clock; leaseMs: number; report: Report }) {
    this.#store = parts.store
    this.#clock = parts.clock
    this.#leaseMs = parts.leaseMs
    this.#report = parts.report
  }

  /** This run is about to be claimed. What is heard of it before it is held may be a wake that came too late for the claim. */
  expect(runId: RunId): void {
    this.#expected.set(runId, false)
  }

  unexpect(runId: RunId): void {
    this.#expected.delete(runId)
  }

  hold(lease: Lease, onWoken: () => void = () => undefined): HeldLease {
    const abort = new AbortController()
    const holding: Holding = { lease, abort, signal: abort.signal, onWoken, leaving: false }
    this.#held.add(holding)
    const ofRun = this.#byRun.get(lease.runId) ?? new Set()
    this.#byRun.set(lease.runId, ofRun.add(holding))
    if (!this.#running) void this.#renewForEver()
    if (lease.step === undefined && this.#expected.get(lease.runId) === true) this.check(lease.runId)
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
    if (this.#expected.has(runId)) this.#expected.set(runId, true)
    const holdings = this.#byRun.get(runId)
    if (!holdings) return
    if (this.#toCheck.size === 0) queueMicrotask(() => void this.#renew(this.#takeChecks()))
    for (const holding of holdings) this.#toCheck.add(holding)
  }

  checkAll(): void {
    for (const runId of [...this.#expected.keys(), ...this.#byRun.keys()]) this.check(runId)
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
      // One that is being left may have been released by now, and the answer be on its way.
      if (sameLease(holding.lease, lease) && !holding.leaving) this.lose(holding)
    }
  }
}

function sameLease(a: Lease, b: Lease): boolean {
  return a.epoch === b.epoch && a.step?.name === b.step?.name && a.step?.ordinal === b.step?.ordinal
}

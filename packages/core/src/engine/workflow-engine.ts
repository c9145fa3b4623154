import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type {
  Answering,
  Clock,
  Doorbell,
  KnownWorkflow,
  Roles,
  RunItem,
  StorePorts,
  WorkItem,
} from '../contract/index.ts'
import type { Registry } from '../define/index.ts'
import { outsideBodies, watchRejections } from './body-scope.ts'
import { closeAll, whenOver } from './close-all.ts'
import { Dispatcher } from './dispatcher.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { Orchestrator, type ContextOf } from './orchestrator.ts'
import type { AppFunctions, EngineParts } from './parts.ts'
import type { Payloads } from './payloads.ts'
import type { Report } from './report.ts'
import type { EngineSettings } from './settings.ts'
import { StepWorker } from './step-worker.ts'
import { Sweeper } from './sweeper.ts'

export interface EngineOptions {
  readonly ports: StorePorts
  readonly doorbell: Doorbell
  readonly registry: Registry
  readonly payloads: Payloads
  readonly clock: Clock
  readonly settings: EngineSettings
  readonly report: Report
  readonly app: AppFunctions
  readonly contextOf: ContextOf
  readonly roles: Roles
  /**
   * What this process gives back is handed to the others by its doorbell; where that reaches this process alone, the
   * least delay leaves it to their sweeps, which expect nobody then. Default 0.
   */
  readonly handOverMs?: number
}

/** One process' share of the work: takes turns and runs steps, in the roles it was given, until it is stopped. */
export class WorkflowEngine {
  readonly #roles: Roles
  readonly #doorbell: Doorbell
  readonly #parts: EngineParts
  readonly #orchestrator: Orchestrator
  readonly #stepWorker: StepWorker
  readonly #stopping = new AbortController()
  readonly #graceOver = new AbortController()
  #started: Promise<void> = Promise.resolve()
  #answering: Answering | null = null
  #listening: { close(): Promise<void> } | null = null
  #unwatch: () => void = () => undefined

  constructor(options: EngineOptions) {
    const { ports, doorbell, registry, clock, settings, report, roles } = options
    const { store, notices } = ports
    this.#roles = roles
    this.#doorbell = doorbell
    const keeper = new LeaseKeeper({ store, clock, leaseMs: settings.leaseMs, report })
    const dispatcher = new Dispatcher({ doorbell, notices, keeper, report, clock })
    // A process that takes no turns sweeps no runs: it would ring for them in place of one that takes them at once.
    const known = (): KnownWorkflow[] =>
      roles.run === 0 ? [] : registry.workflows().map(({ name, codeHash }) => ({ name, codeHash }))
    const sweeper = new Sweeper({ store, clock, dispatcher, known, settings, report })
    const { payloads, app } = options
    const signals = { stopping: this.#stopping.signal, graceOver: this.#graceOver.signal }
    const owner = newOwner()
    this.#parts = {
      owner,
      store,
      notices,
      clock,
      registry,
      payloads,
      settings,
      report,
      keeper,
      dispatcher,
      sweeper,
      app,
      handOverMs: options.handOverMs ?? 0,
      ...signals,
    }
    this.#orchestrator = new Orchestrator(this.#parts, roles.run, options.contextOf)
    this.#stepWorker = new StepWorker(this.#parts, roles.step)
    if (roles.run > 0) dispatcher.takeHere = (item) => this.tryTake(item)
    if (roles.step > 0) dispatcher.takeStepHere = (item) => this.#stepWorker.tryTake(item)
  }

  start(): Promise<void> {
    this.#started = this.#start()
    return this.#started
  }

  async #start(): Promise<void> {
    const { store, notices, keeper, sweeper, owner } = this.#parts
    this.#unwatch = watchRejections()
    await store.enlist(owner)
    this.#listening = await notices.subscribe({
      onChanged: (runId, kind) => kind === 'changed' && keeper.check(runId),
      onMissed: () => keeper.checkAll(),
    })
    this.#answering = await this.#doorbell.answer(this.#roles, (item) => this.#take(item))
    sweeper.start()
  }

  /** Take this run here, if there is room for it. */
  tryTake(item: RunItem): boolean {
    return this.#roles.run > 0 && outsideBodies(() => this.#orchestrator.tryTake(item))
  }

  /**
   * Take no more work. Parked and replaying runs are given back at once; an executing step keeps its lease until it
   * returns or `graceMs` is over, then its signal aborts and it is given back.
   */
  async stop(graceMs: number): Promise<void> {
    const { sweeper, keeper, dispatcher, clock } = this.#parts
    this.#stopping.abort()
    // Whoever started it has the error; what a start under way opens has to be there before it can be closed.
    await this.#started.catch(() => undefined)
    const finished = new AbortController()
    void clock.sleep(graceMs, finished.signal).then(() => this.#graceOver.abort())
    const working = [this.#answering?.stop(), sweeper.stop(), this.#orchestrator.stop(), this.#stepWorker.stop()]
    await closeAll(
      () => whenOver(working),
      () => finished.abort(),
      () => keeper.stop(),
      () => dispatcher.close(),
      () => this.#listening?.close(),
      () => this.#unwatch(),
    )
  }

  #take(item: WorkItem): Promise<void> {
    return outsideBodies(() => (item.kind === 'run' ? this.#orchestrator.take(item) : this.#stepWorker.take(item)))
  }
}

/** Names this process in leases and in the history: where it runs, and never the same twice. */
function newOwner(): string {
  return `${hostname().slice(0, 80)}:${process.pid}:${randomUUID().slice(0, 8)}`
}

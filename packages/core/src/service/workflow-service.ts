import type {
  Clock,
  Doorbell,
  Logger,
  QueueService,
  Roles,
  Run,
  RunItem,
  RunNotices,
  StorePorts,
} from '../contract/index.ts'
import { RunNotFoundError, WorkflowError } from '../contract/index.ts'
import { loadRegistry, type Registry, type StartedWorkflow, type WorkflowRun } from '../define/index.ts'
import { describe, quote } from '../domain/describe.ts'
import { isRunId, plainText } from '../domain/names.ts'
import { closeAll, whenOver } from '../engine/close-all.ts'
import { isInsideRun } from '../engine/body-scope.ts'
import { Dispatcher } from '../engine/dispatcher.ts'
import { LeaseKeeper } from '../engine/lease-keeper.ts'
import { Payloads } from '../engine/payloads.ts'
import { persist } from '../engine/persist.ts'
import { createReport, type Report } from '../engine/report.ts'
import { systemClock } from '../engine/system-clock.ts'
import { WorkflowEngine } from '../engine/workflow-engine.ts'
import { MemoryDoorbell } from '../memory/memory-doorbell.ts'
import { App, loggerOf, type Services } from './app.ts'
import { contextSource } from './body-context.ts'
import { assertNodeVersion } from './node-version.ts'
import { assertQueueService, graceOf, resolveOptions, timeoutOf } from './options.ts'
import type { ResolvedOptions, WorkflowServiceOptions } from './options.ts'
import { assertPossible, toDeletion, toRunQuery, type DeleteRuns, type ListRuns } from './queries.ts'
import { Retention } from './retention.ts'
import { failureOf, toHistoryEntry, toStepView, toWorkflowRun, type HistoryEntry, type StepView } from './run-views.ts'
import { readRecordedHistory, type RecordedHistory } from './recorded-history.ts'
import { RunWatcher } from './run-watcher.ts'
import { givenRunId, startRun } from './start-run.ts'
import { closed, endedRun, hasEnded } from './waiting.ts'

/** What an app with its services is, once both are there. */
interface Bound {
  readonly services: Services & { logger?: Logger; queueService?: QueueService }
  readonly app: Promise<{ app: App; registry: Registry }>
}

/** How long a start waits for the queue to take its message, in ms. */
const queuePatienceMs = 100
/** In inline mode: how much one process does at once. */
const inlineRoles: Roles = { run: 100, step: 20 }
/** Its doorbell reaches nobody else: what it gives back is found by the others' sweeps. */
const inlineHandOverMs = 1

/**
 * Starts, runs, shows and controls workflow runs over any store. The classes users construct, `PgWorkflowService` and
 * its siblings, are this one with a store of their kind.
 */
export class WorkflowService {
  readonly #ports: StorePorts
  readonly #queueService: QueueService | undefined
  readonly #options: ResolvedOptions
  readonly #clock: Clock
  readonly #payloads: Payloads
  readonly #report: Report
  readonly #watcher: RunWatcher
  readonly #engines = new Set<WorkflowEngine>()
  readonly #inlineDoorbell = new MemoryDoorbell()
  readonly #retention: Retention
  #bound: Bound | null = null
  #inlineEngine: Promise<WorkflowEngine> | null = null
  #dispatcher: Dispatcher | null = null
  readonly #closed = new AbortController()
  #closing: Promise<void> | null = null

  constructor(
    ports: StorePorts,
    queueService: QueueService | undefined,
    options: WorkflowServiceOptions = {},
    clock: Clock = systemClock,
  ) {
    assertNodeVersion()
    assertQueueService(queueService)
    this.#ports = ports
    this.#queueService = queueService
    this.#options = resolveOptions(options)
    this.#clock = clock
    this.#payloads = new Payloads(options.codec, this.#options.maxPayloadBytes)
    this.#report = createReport(options.observer, () => loggerOf(this.#bound?.services ?? {}))
    const { settings } = this.#options
    const { reader, notices, admin } = ports
    const shared = { clock, report: this.#report }
    this.#watcher = new RunWatcher({ ...shared, reader, notices, settings })
    this.#retention = new Retention({ ...shared, admin, retention: options.retention })
  }

  /** Open connections and bring the schema up to date now instead of on first use.
   * @throws `WorkflowError` with code `STORE_UNAVAILABLE`, `SCHEMA_TOO_NEW`, `SERVER_TOO_OLD` or `CONFIGURATION` */
  async init(): Promise<void> {
    await this.#ports.admin.migrate()
    await this.queueService?.init()
  }

  /**
   * The run, or null for an unknown id.
   *
   * @example
   * const run = await workflowService.getRun(runId)
   * if (run?.status === 'completed') console.log(run.output)
   */
  async getRun(runId: string): Promise<WorkflowRun | null> {
    const run = isRunId(runId) ? await this.#ports.reader.getRun(runId) : null
    return run && toWorkflowRun(run, this.#payloads)
  }

  /** One entry per finished attempt of an RPC or inline step, in the order they ended; empty for an unknown run. */
  async getRunHistory(runId: string): Promise<HistoryEntry[]> {
    const attempts = isRunId(runId) ? await this.#ports.reader.listAttempts(runId) : []
    return Promise.all(attempts.map((attempt) => toHistoryEntry(attempt, this.#payloads)))
  }

  /** Every step asked for so far, sleeps and open ones included, in the order they were asked for; empty for an unknown run. */
  async listSteps(runId: string): Promise<StepView[]> {
    const steps = isRunId(runId) ? await this.#ports.reader.listSteps(runId) : []
    const now = this.#clock.now()
    return steps.map((step) => toStepView(step, now))
  }

  /**
   * What this run asked for and was given so far, as plain JSON with payloads as they are stored: for `replayHistory` of
   * `@pikku/core/testing`, which holds it against the code of today. Keep it as you keep the run's data.
   *
   * @throws `RunNotFoundError`
   * @example
   * await writeFile('test/histories/order.json', JSON.stringify(await workflowService.exportHistory(runId)))
   */
  exportHistory(runId: string): Promise<RecordedHistory> {
    return readRecordedHistory(this.#ports.reader, runId)
  }

  /** Newest first. `cursor` is null on the last page. @throws `WorkflowError` with code `INVALID_INPUT` for a bad question */
  async listRuns(which: ListRuns = {}): Promise<{ runs: WorkflowRun[]; cursor: string | null }> {
    const query = toRunQuery(which)
    const page = query ? await this.#ports.reader.listRuns(query) : { runs: [], cursor: null }
    return { runs: await Promise.all(page.runs.map((run) => toWorkflowRun(run, this.#payloads))), cursor: page.cursor }
  }

  /**
   * Resolves with the run's output as soon as it completes; rejects as the workflow did.
   *
   * `timeout`: a duration (ms or '30s'); default: none.
   *
   * @throws `RunNotFoundError`; `WorkflowError` with code `RUN_CANCELLED`, `WAIT_TIMEOUT`, `STORE_UNAVAILABLE` when the
   *   database could not be asked or this service was closed, or `INVALID_INPUT`; what the workflow threw
   * @example
   * const output = await workflowService.waitForRun(runId, { timeout: '30s' })
   */
  async waitForRun(runId: string, options: { timeout?: number | string } = {}): Promise<unknown> {
    const timeoutMs = timeoutOf(options)
    assertPossible(runId)
    if (this.#closed.signal.aborted) throw closed('it waits for no run')
    const waited = new AbortController()
    const done = new AbortController()
    if (timeoutMs !== null) void this.#clock.sleep(timeoutMs, done.signal).then(() => waited.abort())
    const last = await this.#watcher.until(runId, waited.signal, hasEnded).finally(() => done.abort('seen'))
    const run = endedRun({ runId, last, timeoutMs, isClosed: this.#closed.signal.aborted })
    if (run.status !== 'completed') throw await failureOf(run, this.#payloads)
    return run.output === null
      ? undefined
      : this.#payloads.decode(run.output, () => `the output of run ${quote(runId)}`)
  }

  /**
   * Calls `onChange` with the run now and after each change, until it has ended, `stop` is called or this service is
   * closed; `ended` resolves then. Changes are pushed. An `onChange` that throws is reported and called again with the next.
   *
   * @throws `RunNotFoundError`
   */
  async watchRun(runId: string, onChange: (run: WorkflowRun) => void): Promise<{ stop(): void; ended: Promise<void> }> {
    if (typeof onChange !== 'function') {
      throw new WorkflowError('INVALID_INPUT', `watchRun: onChange must be a function, found ${describe(onChange)}`)
    }
    assertPossible(runId)
    await this.#assertKnown(runId)
    const stopped = new AbortController()
    let telling: Promise<void> = Promise.resolve()
    const ended = this.#watcher
      .watch(runId, stopped.signal, (run) => {
        if (run === null) return true
        telling = telling
          .then(async () => onChange(await toWorkflowRun(run, this.#payloads)))
          .catch((error: unknown) => this.#report({ kind: 'trouble', during: 'telling a watcher', runId, error }))
        return hasEnded(run)
      })
      .then(() => telling)
    return { stop: () => stopped.abort(), ended }
  }

  /**
   * End a run from outside. Its running steps are told by their `signal`; an ended run is left as it is.
   *
   * @throws `RunNotFoundError`
   */
  async cancelRun(runId: string, reason = 'cancelled from outside'): Promise<void> {
    assertPossible(runId)
    const { cancelled, wake } = await this.#ports.store.cancelRun(runId, plainText(String(reason)))
    if (!cancelled) return this.#assertKnown(runId)
    void this.#dispatch().dispatch(wake)
    await this.#tell(runId)
  }

  /**
   * Let a run go on that the engine suspended, after what stopped it was mended. Others are left as they are.
   *
   * @throws `RunNotFoundError`
   */
  async resumeRun(runId: string): Promise<void> {
    assertPossible(runId)
    const { accepted, wake } = await this.#ports.store.signalRun({ kind: 'resume', runId })
    if (!accepted) return this.#assertKnown(runId)
    void this.#dispatch().dispatch(wake)
  }

  /** Delete ended runs and every trace of them, oldest first, at most `limit` (default 1,000). Answers how many. */
  async deleteRuns(which: DeleteRuns): Promise<number> {
    return this.#ports.admin.deleteRuns(toDeletion(which))
  }

  /**
   * Stop what runs here (see the workers' `close`) and close the connections this service opened itself. Called again it
   * resolves with the first.
   *
   * @throws `WorkflowError` with code `INVALID_INPUT` for bad options
   */
  async close(options: { graceMs?: number } = {}): Promise<void> {
    const graceMs = graceOf(options, this.#options.graceMs)
    await (this.#closing ??= this.#close(graceMs))
  }

  async #close(graceMs: number): Promise<void> {
    this.#closed.abort()
    await closeAll(
      () => whenOver([...this.#engines].map((engine) => engine.stop(graceMs))),
      () => this.#retention.stop(),
      () => this.#dispatcher?.close(),
      () => this.#watcher.close(),
      () => this.#ports.store.close(),
    )
  }

  /**
   * Tie the app's services to this service; `createRpc` and the workers do it.
   *
   * @throws `WorkflowError` with code `CONFIGURATION` when it is tied to another bag already
   */
  bind(services: Services, registry?: Registry): void {
    if (this.#bound?.services === services) return
    if (this.#bound) {
      throw new WorkflowError(
        'CONFIGURATION',
        'this workflowService is bound to another services object already: create the singleton services once per process',
      )
    }
    const load = async (): Promise<{ app: App; registry: Registry }> => {
      const loaded = registry ?? (await loadRegistry())
      return {
        app: new App(services, loaded, (name, input, options) => this.startRun(name, input, options)),
        registry: loaded,
      }
    }
    this.#bound = { services, app: load() }
    // Whoever needs the app meets the error there; until then it is nobody's.
    this.#bound.app.catch(() => undefined)
    if (!this.queueService) setImmediate(() => void this.#startInline())
  }

  /** The bound app. @internal */
  async app(): Promise<{ app: App; registry: Registry }> {
    if (!this.#bound)
      throw new WorkflowError(
        'CONFIGURATION',
        'this workflowService knows no services yet: call createRpc(services) of the generated file, or start the workers with them',
      )
    return this.#bound.app
  }

  /** Start a run; behind `rpc.startWorkflow`. @internal */
  async startRun(name: string, input: unknown, options?: { runId?: string }): Promise<StartedWorkflow> {
    const { registry } = await this.app()
    const inline = this.queueService ? null : await this.#inline()
    const { run, created, wake } = await startRun(
      { name, input, runId: givenRunId(options) },
      { registry, store: this.#ports.store, payloads: this.#payloads },
    )
    this.#report({ kind: 'run-started', runId: run.runId, workflow: name })
    // The run is durable: a queue that does not answer delays nobody for long, and the sweep finds what it lost.
    await Promise.race([this.#dispatch().dispatch(wake), this.#clock.sleep(queuePatienceMs)])
    if (inline && !isInsideRun()) await this.#untilLeft(run)
    return { runId: run.runId, created }
  }

  /** Take these roles in this process until the engine is stopped; behind the workers. @internal */
  async work(roles: Roles, doorbell: Doorbell, handOverMs = 0): Promise<WorkflowEngine> {
    const { app, registry } = await this.app()
    if (this.#closed.signal.aborted) throw closed('it takes no work')
    const engine = new WorkflowEngine({
      ports: this.#ports,
      doorbell,
      registry,
      payloads: this.#payloads,
      clock: this.#clock,
      settings: this.#options.settings,
      report: this.#report,
      app,
      roles,
      handOverMs,
      contextOf: (run) =>
        contextSource(run, { registry, payloads: this.#payloads, getRun: (runId) => this.getRun(runId) }),
    })
    this.#engines.add(engine)
    try {
      await engine.start()
    } catch (error) {
      this.#engines.delete(engine)
      await engine.stop(0)
      throw error
    }
    this.#retention.start()
    return engine
  }

  /** How long an executing step may go on when this process stops, in ms. @internal */
  get graceMs(): number {
    return this.#options.graceMs
  }

  /** What hands runs to workers; undefined in inline mode. @internal */
  get queueService(): QueueService | undefined {
    return this.#queueService ?? this.#bound?.services.queueService
  }

  /** Runs that another process left are taken up without anybody asking for one, also when the database comes later. */
  async #startInline(): Promise<void> {
    const [signal, clock, report] = [this.#closed.signal, this.#clock, this.#report]
    try {
      if (!signal.aborted)
        await persist({ during: 'starting inline mode', signal, clock, report }, () => this.#inline())
    } catch (error) {
      if (!signal.aborted) report({ kind: 'trouble', during: 'starting inline mode', error })
    }
  }

  #inline(): Promise<WorkflowEngine> {
    this.#inlineEngine ??= this.work(inlineRoles, this.#inlineDoorbell, inlineHandOverMs).catch((error: unknown) => {
      this.#inlineEngine = null
      throw error
    })
    return this.#inlineEngine
  }

  /** To the engines in this process first, else to the queue. */
  #dispatch(): Dispatcher {
    if (this.#dispatcher) return this.#dispatcher
    const { store, notices } = this.#ports
    const shared = { clock: this.#clock, report: this.#report }
    const keeper = new LeaseKeeper({ ...shared, store, leaseMs: this.#options.settings.leaseMs })
    this.#dispatcher = new Dispatcher({ ...shared, doorbell: this.#ringer(), notices, keeper })
    this.#dispatcher.takeHere = (item: RunItem) => [...this.#engines].some((engine) => engine.tryTake(item))
    return this.#dispatcher
  }

  #ringer(): Pick<Doorbell, 'ring'> {
    const queue = this.queueService
    if (!queue) return this.#inlineDoorbell
    let doorbell: Doorbell | null = null
    const ring: Doorbell['ring'] = async (items) => {
      const { registry } = await this.app()
      doorbell ??= queue.doorbell(registry.queues)
      await doorbell.ring(items)
    }
    return { ring }
  }

  async #tell(runId: string): Promise<void> {
    const notices: RunNotices = this.#ports.notices
    await notices
      .publish([runId])
      .catch((error: unknown) => this.#report({ kind: 'trouble', during: 'sending notices', error }))
  }

  /** In inline mode: until the run has ended or was suspended. */
  async #untilLeft({ runId, status }: Run): Promise<void> {
    if (status !== 'running') return
    const isLeft = (run: Run): boolean => run.status !== 'running'
    const last = await this.#watcher.until(runId, new AbortController().signal, isLeft)
    if (last === undefined || last?.status === 'running') throw closed(`run ${runId} goes on without it`)
  }

  async #assertKnown(runId: string): Promise<void> {
    if ((await this.#ports.reader.getRun(runId)) === null) throw new RunNotFoundError(runId)
  }
}

import { setImmediate as macrotask, setTimeout as pause } from 'node:timers/promises'
import type { Run } from '../../contract/index.ts'
import { WorkflowError } from '../../contract/index.ts'
import { findRegistry, type Registry, type WorkflowConfig } from '../../define/index.ts'
import { checkedElsewhere, checkOptions } from '../../domain/check-options.ts'
import { MAX_DURATION_MS } from '../../domain/duration.ts'
import { memoryPorts, MemoryTables } from '../../memory/index.ts'
import { WorkflowService } from '../../service/index.ts'
import { RunRecord } from './run-record.ts'
import { nameOf, standIns, type TestedApp } from './stand-ins.ts'
import type { RecordedCall, TestedRun, TestOptions } from './types.ts'
import { VirtualClock } from './virtual-clock.ts'
import { WorkflowProcess, type Shared } from './workflow-process.ts'
import type { OnWrite } from './writes.ts'

/** The same in every test, so that what is derived from it is, too. */
const runId = 'test-run'

/** Real time in which something outside that is under way may bring news, before virtual time moves on without it. */
const patienceMs = 100
/** As long, where virtual time has nowhere to go: then nothing will ever happen. */
const stuckMs = 3_000

const rules = {
  input: checkedElsewhere,
  rpcs: checkedElsewhere,
  services: checkedElsewhere,
  failures: { accepts: Array.isArray, accepted: 'an array of { step, attempt?, error? }' },
  crashes: { accepts: Array.isArray, accepted: 'an array of { step, attempt? }' },
  startAt: { accepts: (value: unknown) => value instanceof Date, accepted: 'a Date' },
}

/** Options of which only the shape is known. */
export type AnyOptions = TestOptions<unknown, object, Readonly<Record<string, { input: unknown; output: unknown }>>>
export type AnyTestedRun = TestedRun<unknown, Readonly<Record<string, { input: unknown; output: unknown }>>>

/** One run of a workflow on the real engine, in as many processes as die, in virtual time. */
export class WorkflowWorld {
  readonly record: RunRecord
  readonly #clock: VirtualClock
  readonly #tables: MemoryTables
  /** Of no process, so that it does not die with one. */
  readonly #reader: WorkflowService
  readonly #tested: TestedApp
  readonly #options: AnyOptions
  readonly #onWrite: (world: WorkflowWorld) => OnWrite
  readonly #processes: WorkflowProcess[] = []
  #moves = 0
  #failed: { readonly error: unknown } | null = null
  #closing = false

  private constructor(tested: TestedApp, options: AnyOptions, onWrite: (world: WorkflowWorld) => OnWrite) {
    this.#tested = tested
    this.#options = options
    this.#onWrite = onWrite
    this.#clock = new VirtualClock(options.startAt)
    this.#tables = new MemoryTables(this.#clock)
    this.#reader = new WorkflowService(memoryPorts(this.#tables), undefined, {}, this.#clock)
    const { failures = [], crashes = [] } = options
    this.record = new RunRecord(() => this.#clock.now(), { failures, crashes })
  }

  static async open(
    workflow: WorkflowConfig,
    options: AnyOptions,
    onWrite: (world: WorkflowWorld) => OnWrite = () => (_what, make) => make(),
  ): Promise<WorkflowWorld> {
    checkOptions({ name: 'testWorkflow', code: 'CONFIGURATION' }, rules, options)
    const app: Registry | undefined = await findRegistry()
    const name = nameOf(workflow, app)
    const tested = { app, workflow, name, mocks: options.rpcs ?? {}, callsOwn: options.services !== undefined }
    return new WorkflowWorld(tested, options, onWrite)
  }

  /** The process that lives. */
  get living(): WorkflowProcess {
    const last = this.#processes.at(-1)
    return last && !last.dead ? last : this.#spawn()
  }

  /** Until the run has ended or nothing brings it on any more. */
  async play(): Promise<AnyTestedRun> {
    try {
      this.record.tell('started')
      this.#start()
      for (;;) {
        const process = this.living
        await this.#untilQuiet()
        if (this.#failed) throw this.#failed.error
        const seen = this.#moves
        const run = await this.#reader.getRun(runId)
        if (process.dead || this.#moves !== seen) continue
        // One that died before it could start the run: whoever asked for it asks again.
        if (run === null) this.#start()
        else if (run.status !== 'running') return await this.#outcome(run.status)
        else await this.#moveOn()
      }
    } finally {
      await this.#close()
    }
  }

  /** The process that lives dies. Never answers: there is nobody to be told. */
  die(): never {
    this.living.die()
    throw new Error('this process is dead')
  }

  #spawn(): WorkflowProcess {
    const shared: Shared = {
      clock: this.#clock,
      record: this.record,
      runId,
      services: servicesOf(this.#options),
      onWrite: this.#onWrite(this),
      stepOnRecord: async ({ name, ordinal }) => {
        const steps = await memoryPorts(this.#tables).reader.listSteps(runId)
        return steps.find(({ id }) => id.name === name && id.ordinal === ordinal)
      },
      moved: () => (this.#moves += 1),
      fail: (error) => (this.#failed ??= { error }),
    }
    const process = new WorkflowProcess(memoryPorts(this.#tables), shared)
    this.#processes.push(process)
    process.start(standIns(this.#tested, process))
    return process
  }

  #start(): void {
    const process = this.living
    const refused = (error: unknown): void => {
      if (!process.dead && !this.#closing) this.#failed ??= { error }
    }
    process.service.startRun(this.#tested.name, this.#options.input, { runId }).catch(refused)
  }

  /** Until nothing happens by itself any more. */
  async #untilQuiet(): Promise<void> {
    let seen = -1
    for (let quiet = 0; quiet < 4; quiet += 1) {
      await macrotask()
      if (this.#moves === seen) continue
      seen = this.#moves
      quiet = 0
    }
    // A moment for what a thread or a socket is about to bring.
    await pause(1)
    if (this.#moves !== seen) await this.#untilQuiet()
  }

  async #moveOn(): Promise<void> {
    const outside = this.living.outside
    if ((outside.length > 0 || this.#clock.graces > 0) && (await this.#movesWithin(patienceMs))) return
    const nextInMs = this.#clock.nextInMs()
    if (nextInMs !== null && nextInMs <= MAX_DURATION_MS) return this.#clock.advance(nextInMs)
    if (await this.#movesWithin(stuckMs)) return
    const { trouble } = this.living
    throw new WorkflowError(
      'WAIT_TIMEOUT',
      `testWorkflow: nothing brings the run on any more: ${outside.join(', ') || 'it waits for something that nobody does'}` +
        (outside.length > 0 ? ' (a mock that takes long sleeps by its second argument)' : ''),
      trouble === null ? {} : { cause: trouble },
    )
  }

  async #movesWithin(ms: number): Promise<boolean> {
    const seen = this.#moves
    const until = performance.now() + ms
    while (this.#moves === seen && performance.now() < until) await pause(2)
    // On a busy machine the timers that were due meanwhile have their turn first.
    await macrotask()
    return this.#moves !== seen
  }

  async #outcome(status: Exclude<Run['status'], 'running'>): Promise<AnyTestedRun> {
    this.record.tell(status)
    const reader = this.#reader
    const [run, history, recorded] = await Promise.all([
      reader.getRun(runId),
      reader.getRunHistory(runId),
      reader.exportHistory(runId),
    ])
    const { output, error } = run ?? {}
    return { status, output, error, history, timeline: this.record.timeline, calls: this.#calls(), recorded }
  }

  #calls(): Record<string, readonly RecordedCall[]> {
    const { app, mocks } = this.#tested
    const names = [...(app?.rpcs() ?? []).map(({ name }) => name), ...Object.keys(mocks)]
    return Object.fromEntries(names.map((name) => [name, this.record.calls.get(name) ?? []]))
  }

  /** What waits in virtual time for its end is given that time. */
  async #close(): Promise<void> {
    this.#closing = true
    let open = true
    const closed = Promise.all(this.#processes.map((process) => process.close())).finally(() => (open = false))
    while (open) {
      await macrotask()
      const nextInMs = this.#clock.nextInMs()
      if (nextInMs !== null && nextInMs <= MAX_DURATION_MS) await this.#clock.advance(nextInMs)
    }
    await closed
  }
}

/** Runs here are in the memory of the test: what the app's own queue would ring is not there. */
function servicesOf({ services = {} }: AnyOptions): object {
  return Object.fromEntries(Object.entries(services).filter(([name]) => name !== 'queueService'))
}

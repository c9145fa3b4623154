import type { StepDetail, StepId, StorePorts, WorkflowEvent } from '../../contract/index.ts'
import { WorkflowError } from '../../contract/index.ts'
import type { Registry, WorkflowStep } from '../../define/index.ts'
import { describeStep } from '../../domain/step-id.ts'
import { WorkflowService } from '../../service/index.ts'
import { Gate } from '../engine/gate.ts'
import type { Entry, RunRecord } from './run-record.ts'
import type { FunctionCall, Surroundings, WatchedBody } from './stand-ins.ts'
import { realGraceMs, type VirtualClock } from './virtual-clock.ts'
import { withWritesSeen, type OnWrite } from './writes.ts'

/** Longer than any sleep can be, so that time never moves for it. */
const foreverMs = 1_000 * 365.25 * 24 * 60 * 60 * 1_000

/** No lease runs out and nothing is looked for before something is due: a death is told by the store. */
const timing = {
  leaseMs: foreverMs,
  sweepMs: foreverMs,
  watchPollMs: foreverMs,
  replayGraceMs: realGraceMs,
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** What all processes of one test share. */
export interface Shared {
  readonly clock: VirtualClock
  readonly record: RunRecord
  /** The run under test. */
  readonly runId: string
  readonly services: object
  readonly onWrite: OnWrite
  /** How the step stands in the store; undefined while it is not on record. */
  stepOnRecord(id: StepId): Promise<Pick<StepDetail, 'attempt' | 'lost'> | undefined>
  /** Something happened. */
  moved(): void
  /** The test itself is at fault. */
  fail(error: Error): void
}

/** One process of an app under test: its workflow service, and what its code is about. It can die. */
export class WorkflowProcess implements Surroundings {
  readonly service: WorkflowService
  readonly #shared: Shared
  readonly #ports: StorePorts
  readonly #gate = new Gate()
  readonly #bodies = new Set<{ open: number }>()
  /** Functions that run, and not in virtual time. */
  readonly #running = new Set<{ readonly name: string }>()
  /** The last thing that went wrong by itself. */
  trouble: unknown = null

  constructor(ports: StorePorts, shared: Shared) {
    this.#ports = ports
    this.#shared = shared
    const onEvent = (event: WorkflowEvent): void => {
      if (event.kind === 'trouble' && !this.dead) this.trouble = event.error
    }
    this.#gate.fault = async (_name, call) => {
      shared.moved()
      return call().finally(shared.moved)
    }
    const seen = withWritesSeen(ports, shared.onWrite)
    this.service = new WorkflowService(
      this.#gate.ports(seen),
      undefined,
      { timing, observer: { onEvent } },
      shared.clock,
    )
  }

  start(registry: Registry): void {
    const { services } = this.#shared
    this.service.bind({ logger: silent, ...services, workflowService: this.service }, registry)
  }

  get dead(): boolean {
    return this.#gate.dead
  }

  /** Like `kill -9`. */
  die(): void {
    if (this.dead) return
    this.#shared.record.tell('process died')
    void this.#gate.die()
    // To the store the end of its connection is all there is to see of a death.
    void this.#ports.store.close()
    this.#shared.moved()
  }

  /** Stop what is left, of a dead process too. */
  async close(): Promise<void> {
    if (this.dead) this.#gate.bury()
    await this.service.close({ graceMs: 0 })
  }

  /** What only real time brings on: functions that run, bodies that await something besides steps. */
  get outside(): readonly string[] {
    if (this.dead) return []
    const waiting = [...this.#bodies].some(({ open }) => open === 0)
    const running = [...this.#running].map(({ name }) => name)
    return [...running, ...(waiting ? ['the body awaits something that is not a step'] : [])]
  }

  body(runId: string): WatchedBody {
    const { record, moved } = this.#shared
    const isWatched = runId === this.#shared.runId
    const body = { open: 0 }
    const uses = new Map<string, number>()
    this.#bodies.add(body)
    const asks = (name: string): StepId => {
      const id = { name, ordinal: uses.get(name) ?? 0 }
      uses.set(name, id.ordinal + 1)
      if (isWatched) record.asks(id)
      return id
    }
    const waits = <T>(step: Promise<T>, id: StepId, isSleep: boolean): Promise<T> => {
      const isTold = isSleep && isWatched
      if (isTold) record.tellOnce('sleep began', id)
      body.open += 1
      moved()
      const settled = (): void => {
        body.open -= 1
        if (isTold && !this.dead) record.tellOnce('sleep ended', id)
        moved()
      }
      step.then(settled, settled)
      return step
    }
    const ended = (): void => {
      this.#bodies.delete(body)
      moved()
    }
    return { asks, waits, ended }
  }

  async enter(call: FunctionCall): Promise<unknown> {
    const { record, moved } = this.#shared
    moved()
    const entry = call.runId === this.#shared.runId ? await this.#entryOf(call) : null
    const done = call.rpcName === undefined ? null : record.calling(call.rpcName, call.data, entry)
    const running = { name: entry ? `step ${describeStep(entry.id)}` : `function '${call.rpcName}'` }
    this.#running.add(running)
    try {
      const failure = entry && record.failureOf(entry)
      if (failure) throw failure.error
      const step = call.workflowStep && watchedStep(call.workflowStep, entry)
      const result = await call.run(step, (ms) => this.#sleep(ms, running))
      await this.#returned(entry)
      done?.({ result })
      if (entry) record.ended(entry, 'step succeeded')
      return result
    } catch (error) {
      if (this.dead) await never()
      done?.({ error })
      if (entry) record.ended(entry, 'step failed')
      throw error
    } finally {
      this.#running.delete(running)
      moved()
    }
  }

  unmocked(rpcName: string, step: WorkflowStep | StepId | undefined): WorkflowError {
    const id = step && 'stepId' in step ? this.#shared.record.stepOf(step.stepId) : step
    const by = id ? `step ${describeStep(id)}` : 'rpc.invoke'
    const error = new WorkflowError(
      'CONFIGURATION',
      `testWorkflow: ${by} called function '${rpcName}', which has no mock: give rpcs: { ${rpcName}: … }, or services for the app's own function`,
    )
    this.#shared.fail(error)
    return error
  }

  /** Virtual time moves while a function sleeps in it. */
  async #sleep(ms: number, running: { readonly name: string }): Promise<void> {
    this.#running.delete(running)
    await this.#shared.clock.sleep(ms)
    if (this.dead) await never()
    this.#running.add(running)
    this.#shared.moved()
  }

  /** The process may be dead by now, or is to die here: then nobody learns of the result. */
  async #returned(entry: Entry | null): Promise<void> {
    if (!this.dead && entry && this.#shared.record.takeCrashOf(entry)) this.die()
    if (this.dead) await never()
  }

  async #entryOf({ inline, rpcName, workflowStep }: FunctionCall): Promise<Entry | null> {
    const { record, stepOnRecord } = this.#shared
    const id = inline ?? (workflowStep && record.stepOf(workflowStep.stepId))
    if (!id) return null
    const { attempt = 0, lost = 0 } = (await stepOnRecord(id)) ?? {}
    // An attempt of an inline step is on record when it has ended.
    const begun = inline ? attempt + 1 : attempt
    const kind = inline ? 'inline' : 'rpc'
    return record.enters({ id, kind, rpcName, attempt: begun, counted: begun - lost })
  }
}

const never = (): Promise<never> => new Promise(() => undefined)

/** The same step, which notes that its key was asked for. */
function watchedStep(step: WorkflowStep, entry: Entry | null): WorkflowStep {
  return {
    ...step,
    get invocationId() {
      if (entry) entry.keyTaken = true
      return step.invocationId
    },
  }
}

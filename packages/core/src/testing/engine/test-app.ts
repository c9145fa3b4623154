import type { WorkflowQueues } from '../../contract/index.ts'
import { createRegistry, defineFunction, defineWorkflow } from '../../define/index.ts'
import type { FunctionConfig, FunctionOptions, Registry, WorkflowConfig, WorkflowOptions } from '../../define/index.ts'
import type { StepOptions, TypedRpc, WorkflowRun, WorkflowStep } from '../../define/index.ts'
import type { Ledger } from './ledger.ts'

/** `WorkflowContext` as loosely typed as scenarios need it. */
interface TestContext {
  readonly runId: string
  readonly workflowName: string
  do<T = unknown>(name: string, fn: () => T | PromiseLike<T>, options?: StepOptions): Promise<T>
  do<T = unknown>(name: string, rpcName: string, data?: unknown, options?: StepOptions): Promise<T>
  sleep(name: string, duration: number | string): Promise<void>
  sleepUntil(name: string, date: Date): Promise<void>
  cancel(reason?: string): Promise<never>
  getRun(): Promise<WorkflowRun>
  now(): Date
  random(): number
  uuid(): string
}

export interface BodyServices {
  readonly workflow: TestContext
  readonly rpc: TypedRpc
}

export interface StepServices {
  readonly workflowStep: WorkflowStep
  readonly rpc: TypedRpc
}

/** `never` as the data: a function that names its own type fits. */
export type Body = (services: BodyServices, input: never) => unknown
export type StepFunction = (services: StepServices, data: never) => unknown

type Options<T> = Omit<T, 'func'>

/** What a scenario's app consists of. */
export interface TestApp {
  readonly workflows: Readonly<Record<string, Body>>
  readonly functions?: Readonly<Record<string, StepFunction>>
  readonly workflowOptions?: Readonly<Record<string, Options<WorkflowOptions<unknown, unknown>>>>
  readonly functionOptions?: Readonly<Record<string, Options<FunctionOptions<unknown, unknown>>>>
  /** Hand the bodies the engine's own promises, unwatched: watching one handles its rejection. */
  readonly bare?: boolean
}

/** What one body was given, in the order it was given. */
export interface Trace {
  readonly given: unknown[]
  ended: boolean
}

/** Kept beside an app's bodies and steps. */
export interface Watch {
  readonly ledger: Ledger
  readonly traces: Map<string, Trace[]>
}

/** The app as a registry, every step function counted and every body's answers noted. */
export function registryOf(app: TestApp, watch: Watch, queues?: WorkflowQueues): Registry {
  const functions: Record<string, FunctionConfig> = {}
  for (const [name, func] of Object.entries(app.functions ?? {})) {
    functions[name] = defineFunction({
      ...app.functionOptions?.[name],
      func: counted(func, watch.ledger),
    }) as FunctionConfig
  }
  const workflows = Object.entries(app.workflows).map(([name, body]) => {
    const func = defineWorkflow({
      ...app.workflowOptions?.[name],
      func: app.bare ? bareBody(body) : tracedBody(body, watch),
    }) as WorkflowConfig
    return { name, func }
  })
  return createRegistry({ functions, workflows, ...(queues ? { queues } : {}) })
}

type Called = (services: object, data: unknown) => unknown

function counted(func: StepFunction, ledger: Ledger): Called {
  return (services, data) => {
    const { workflowStep } = services as StepServices
    if (workflowStep) ledger.enterRpc(workflowStep.runId, workflowStep.stepId, workflowStep.attemptCount)
    return func(services as StepServices, data as never)
  }
}

function bareBody(body: Body): Called {
  const called: Called = (services, input) => body(services as BodyServices, input as never)
  return Object.defineProperty(called, 'toString', { value: () => body.toString() })
}

function tracedBody(body: Body, { ledger, traces }: Watch): Called {
  const called: Called = async (services, input) => {
    const { workflow } = services as BodyServices
    const trace: Trace = { given: [], ended: false }
    traces.set(workflow.runId, [...(traces.get(workflow.runId) ?? []), trace])
    try {
      return await body({ ...(services as BodyServices), workflow: traced(workflow, trace, ledger) }, input as never)
    } finally {
      trace.ended = true
    }
  }
  // The code hash is taken of the text: it is to be the scenario's, not this wrapper's.
  return Object.defineProperty(called, 'toString', { value: () => body.toString() })
}

/** The same context, which notes what its promises settle with. */
function traced(workflow: TestContext, trace: Trace, ledger: Ledger | null): TestContext {
  const note = <T>(name: string, step: Promise<T>): Promise<T> => {
    step.then(
      (value) => trace.given.push([name, 'ok', value]),
      (error: unknown) => trace.given.push([name, 'error', String(error)]),
    )
    return step
  }
  const counting = (name: string, what: unknown): unknown => {
    if (typeof what !== 'function' || !ledger) return what
    return (): unknown => {
      ledger.enterInline(workflow.runId, name)
      return Reflect.apply(what, undefined, [])
    }
  }
  const asStep = (name: string, what: unknown, rest: unknown[]): Promise<never> =>
    note(name, Reflect.apply(workflow.do, workflow, [name, counting(name, what), ...rest]) as Promise<never>)
  return {
    ...workflow,
    do: (name: string, what: unknown, ...rest: unknown[]) => asStep(name, what, rest),
    sleep: (name, duration) => note(name, workflow.sleep(name, duration)),
    sleepUntil: (name, date) => note(name, workflow.sleepUntil(name, date)),
  }
}

import type { StepId, WorkflowError } from '../../contract/index.ts'
import {
  createRegistry,
  defineFunction,
  defineWorkflow,
  type AnyFunction,
  type FunctionConfig,
  type Registry,
  type RpcDefinition,
  type WorkflowConfig,
  type WorkflowDefinition,
  type WorkflowStep,
} from '../../define/index.ts'
import { parseDuration } from '../../domain/duration.ts'
import type { BodyContext } from '../../replay/index.ts'
import type { MockCall } from './types.ts'

/** What surrounds an app's functions in one process of a test. */
export interface Surroundings {
  /** A body begins. */
  body(runId: string): WatchedBody
  /** Enter a step's function, or one that `rpc.invoke` calls. */
  enter(call: FunctionCall): Promise<unknown>
  /** A function that has no mock was called. Answers what to throw. */
  unmocked(rpcName: string, step: WorkflowStep | StepId | undefined): WorkflowError
}

/** One go of a body, live or replayed. */
export interface WatchedBody {
  /** It asks for the next use of this name. */
  asks(name: string): StepId
  /** It waits for this. Answers the very same promise. */
  waits<T>(step: Promise<T>, id: StepId, isSleep: boolean): Promise<T>
  ended(): void
}

/** A call of a function of the app. */
export interface FunctionCall {
  readonly runId: string
  /** Of an inline step: which. */
  readonly inline?: StepId
  readonly rpcName?: string
  readonly data?: unknown
  readonly workflowStep?: WorkflowStep | undefined
  /** `step` notes when its key is asked for; `sleep` takes virtual time. */
  run(step: WorkflowStep | undefined, sleep: (ms: number) => Promise<void>): unknown
}

/** What the workflow's app is made of in a test. */
export interface TestedApp {
  /** The whole app, where its generated file was imported. */
  readonly app: Registry | undefined
  readonly workflow: WorkflowConfig
  readonly name: string
  readonly mocks: Readonly<Record<string, unknown>>
  /** Functions without a mock are the app's own. */
  readonly callsOwn: boolean
}

type Mocked = (data: unknown, call: MockCall) => unknown

/** What the workflow is called in its app. */
export function nameOf(workflow: WorkflowConfig, app: Registry | undefined): string {
  return app?.workflows().find(({ func }) => func === workflow.func)?.name ?? 'workflow'
}

/** The app, its bodies watched and its functions stood in for. */
export function standIns(tested: TestedApp, around: Surroundings): Registry {
  const { app, mocks, name, workflow } = tested
  const functions: Record<string, FunctionConfig> = {}
  const names = new Set([...(app?.rpcs() ?? []).map((rpc) => rpc.name), ...Object.keys(mocks)])
  for (const rpcName of names) functions[rpcName] = standIn(rpcName, tested, around)
  const others = (app?.workflows() ?? []).filter((other) => other.name !== name)
  const workflows = [{ ...workflow, name }, ...others].map((each) => ({
    name: each.name,
    func: watched(each, tested, around),
  }))
  return createRegistry({ functions, workflows, ...(app ? { queues: app.queues } : {}) })
}

function watched(
  workflow: Pick<WorkflowDefinition, 'func' | 'tags' | 'input' | 'output'>,
  tested: TestedApp,
  around: Surroundings,
) {
  const { input, output, tags } = workflow
  const original: AnyFunction = workflow.func
  const func: AnyFunction = async (services, data, wire) => {
    const { workflow: context } = wire as { workflow: BodyContext }
    const body = around.body(context.runId)
    const seen = { workflow: watchedContext(context, { body, tested, around }) }
    try {
      return await original({ ...services, ...seen }, data, { ...wire, ...seen })
    } finally {
      body.ended()
    }
  }
  // The code hash is taken of the text: it is to be the workflow's, not this wrapper's.
  Object.defineProperty(func, 'toString', { value: () => original.toString() })
  return defineWorkflow({ func, tags, ...(input ? { input } : {}), ...(output ? { output } : {}) }) as WorkflowConfig
}

function watchedContext(
  context: BodyContext,
  { body, tested, around }: { body: WatchedBody; tested: TestedApp; around: Surroundings },
): BodyContext {
  const { runId } = context
  // Without an app nobody but the mocks knows which functions there are.
  const isUnmocked = (what: unknown): what is string =>
    typeof what === 'string' && !tested.app && tested.mocks[what] === undefined
  const counted = (inline: StepId, what: unknown): unknown =>
    typeof what === 'function'
      ? (step: unknown) => around.enter({ runId, inline, run: () => Reflect.apply(what, undefined, [step]) as unknown })
      : what
  return {
    ...context,
    do: (name, what, ...rest) => {
      const id = body.asks(name)
      if (isUnmocked(what)) return Promise.reject(around.unmocked(what, id))
      return body.waits(context.do(name, counted(id, what) as string, ...rest), id, false)
    },
    sleep: (name, duration) => body.waits(context.sleep(name, duration), body.asks(name), true),
    sleepUntil: (name, date) => body.waits(context.sleepUntil(name, date), body.asks(name), true),
  }
}

function standIn(rpcName: string, tested: TestedApp, around: Surroundings): FunctionConfig {
  const own = tested.app?.rpc(rpcName)
  const mock = tested.mocks[rpcName]
  const func: AnyFunction = (services, data, wire) => {
    const { workflowStep } = wire as { workflowStep?: WorkflowStep }
    const run: FunctionCall['run'] = (step, sleep) => {
      const seen = step ? { workflowStep: step } : {}
      if (typeof mock === 'function') return (mock as Mocked)(data, mockCall(step, sleep))
      const real = isFunctionConfig(mock) ? mock.func : tested.callsOwn ? own?.func : undefined
      if (!real) throw around.unmocked(rpcName, workflowStep)
      return real({ ...services, ...seen }, data, { ...wire, ...seen })
    }
    return around.enter({ runId: workflowStep?.runId ?? '', rpcName, data, workflowStep, run })
  }
  return defineFunction({ func, ...optionsOf(isFunctionConfig(mock) ? mock : own) }) as FunctionConfig
}

function mockCall(workflowStep: WorkflowStep | undefined, sleep: (ms: number) => Promise<void>): MockCall {
  return { workflowStep, sleep: async (duration) => sleep(parseDuration(duration, 'a mock: sleep')) }
}

/** How a function is called and checked stays its own, whoever stands in for it. */
function optionsOf(own: RpcDefinition | FunctionConfig | undefined) {
  const { retries, retryDelay, input, output } = own ?? {}
  return {
    ...(retries === undefined ? {} : { retries }),
    ...(retryDelay === undefined ? {} : { retryDelay }),
    ...(input ? { input } : {}),
    ...(output ? { output } : {}),
  }
}

function isFunctionConfig(mock: unknown): mock is FunctionConfig {
  return typeof mock === 'object' && mock !== null && 'kind' in mock && mock.kind === 'function'
}

import { createHash } from 'node:crypto'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { WorkflowError } from '../contract/errors.ts'
import type { WorkflowQueues } from '../contract/queue-service.ts'
import { describe } from '../domain/describe.ts'
import { assertName, assertTags } from '../domain/names.ts'
import type { AnyFunction, FunctionConfig, WorkflowConfig } from './function-config.ts'
import type { Duration } from './types.ts'

/** A workflow of the app: what `wireWorkflow` was given. */
export interface WorkflowDefinition {
  /** Unique in the app. */
  readonly name: string
  /** For people and tools. */
  readonly description?: string
  /** Kept with every run, to find it by. */
  readonly tags: readonly string[]
  /** The function itself. */
  readonly func: AnyFunction
  /** Checks, and may transform, what the function is given. */
  readonly input?: StandardSchemaV1
  /** Checks, and may transform, what the function returned. */
  readonly output?: StandardSchemaV1
  /** Digest of the function's text: another one means another code, as far as can be told. */
  readonly codeHash: string
}

/** A function of the app that steps and `rpc.invoke` can call: what `pikkuSessionlessFunc` was given. */
export interface RpcDefinition {
  /** Unique in the app. */
  readonly name: string
  /** The function itself. */
  readonly func: AnyFunction
  /** Extra attempts after the first, where a step says nothing else. */
  readonly retries?: number
  /** The least time between two attempts, where a step says nothing else. */
  readonly retryDelay?: Duration
  /** Checks, and may transform, what the function is given. */
  readonly input?: StandardSchemaV1
  /** Checks, and may transform, what the function returned. */
  readonly output?: StandardSchemaV1
}

/** A function of the app that consumes a queue: what `wireQueueWorker` was given. */
export interface QueueWorkerDefinition {
  /** The queue it consumes. */
  readonly queueName: string
  /** The function itself. */
  readonly func: AnyFunction
  /** Jobs at once in one process. */
  readonly concurrency?: number
  /** Checks, and may transform, what the function is given. */
  readonly input?: StandardSchemaV1
  /** Checks, and may transform, what the function returned. */
  readonly output?: StandardSchemaV1
}

/** Everything an app has, by name. */
export interface Registry {
  /** The two queues that workflows run on. */
  readonly queues: WorkflowQueues
  /** By its name; undefined for one that was not wired. */
  workflow(name: string): WorkflowDefinition | undefined
  /** By its name; undefined for one that is not exported. */
  rpc(name: string): RpcDefinition | undefined
  /** All of them, in the order they were wired. */
  workflows(): readonly WorkflowDefinition[]
  /** All of them. */
  rpcs(): readonly RpcDefinition[]
  /** All of them, in the order they were wired. */
  queueWorkers(): readonly QueueWorkerDefinition[]
}

/** What the generated file tells: where the app's modules are, loaded only when they are needed. */
export interface App {
  /** The two queues that workflows run on. */
  readonly queues: WorkflowQueues
  /** Import every module that wires or defines something; answers the functions by name. */
  load(): Promise<{ readonly functions: Readonly<Record<string, FunctionConfig>> }>
}

/** The argument of `wireWorkflow`. */
export interface WorkflowWiring {
  /** Unique in the app: what `rpc.startWorkflow` calls it. */
  readonly name: string
  /** For people and tools. */
  readonly description?: string
  /** What `pikkuWorkflowFunc` returned. */
  readonly func: WorkflowConfig
  /** Kept with every run, to find it by. */
  readonly tags?: readonly string[]
}

/** The argument of `wireQueueWorker`. */
export interface QueueWorkerWiring {
  /** 1 to 200 letters, digits and `_ . - /`; none of the two that workflows run on. */
  readonly queueName: string
  /** What `pikkuSessionlessFunc` returned. */
  readonly func: FunctionConfig
  /** `concurrency`: jobs of this queue at once in one process. Default 1. */
  readonly config?: { readonly concurrency?: number }
  /** For tools. */
  readonly tags?: readonly string[]
}

/** The parts of an app, for one that is put together by hand. */
export interface RegistryParts {
  /** What `wireWorkflow` would be given. Default: none. */
  readonly workflows?: readonly WorkflowWiring[]
  /** By the names they are called by. Default: none. */
  readonly functions?: Readonly<Record<string, FunctionConfig>>
  /** What `wireQueueWorker` would be given. Default: none. */
  readonly queueWorkers?: readonly QueueWorkerWiring[]
  /** The two queues that workflows run on. Default: 'pikku-workflow-orchestrator' and 'pikku-workflow-step-worker'. */
  readonly queues?: WorkflowQueues
}

const defaultQueues: WorkflowQueues = {
  orchestrator: 'pikku-workflow-orchestrator',
  worker: 'pikku-workflow-step-worker',
}

/** What was wired so far in this process. One per process, also when two copies of this package are loaded. */
interface Wired {
  app: App | undefined
  readonly workflows: WorkflowWiring[]
  readonly queueWorkers: QueueWorkerWiring[]
  loading: Promise<Registry> | undefined
  loaded: boolean
}

const key = Symbol.for('@pikku/core')
const holder: typeof globalThis & { [key]?: Wired } = globalThis

function wired(): Wired {
  return (holder[key] ??= { app: undefined, workflows: [], queueWorkers: [], loading: undefined, loaded: false })
}

/**
 * Called by the generated file. Loads nothing yet.
 *
 * @throws `WorkflowError` with code `CONFIGURATION` when an app is registered already: the generated file was evaluated twice
 */
export function registerApp(app: App): void {
  const state = wired()
  if (state.app !== undefined) {
    throw configuration(
      'an app is registered already: the generated file was evaluated twice in this process, under two paths or URLs ' +
        '(source and build output?), or there are two generated files. Import one of them, by one path',
    )
  }
  state.app = app
}

/** Behind the generated `wireWorkflow`. @throws `WorkflowError` with code `CONFIGURATION`: bad or doubled name, bad `func` */
export function registerWorkflow(wiring: WorkflowWiring): void {
  const state = wired()
  refuseLate(state, `wireWorkflow('${wiring.name}')`)
  defineWorkflows([...state.workflows, wiring])
  state.workflows.push(wiring)
}

/** Behind the generated `wireQueueWorker`. @throws `WorkflowError` with code `CONFIGURATION`: bad or doubled name, bad `func` */
export function registerQueueWorker(wiring: QueueWorkerWiring): void {
  const state = wired()
  refuseLate(state, `wireQueueWorker('${wiring.queueName}')`)
  defineQueueWorkers([...state.queueWorkers, wiring], state.app?.queues)
  state.queueWorkers.push(wiring)
}

/**
 * Everything the app has; its modules are imported by the first call.
 *
 * @throws `WorkflowError` with code `CONFIGURATION` when no app is registered; whatever an imported module throws
 */
export function loadRegistry(): Promise<Registry> {
  const state = wired()
  if (state.app === undefined) {
    return Promise.reject(
      configuration(
        'no app is registered: import the generated file (`workflows.path` of pikku.config.json) where the process starts, ' +
          "e.g. import './workflows/pikku.workflows.gen.js'. `npx pikku` makes it",
      ),
    )
  }
  return (state.loading ??= load(state, state.app))
}

/** As `loadRegistry`; undefined where no app is registered. For tests of single workflows. */
export async function findRegistry(): Promise<Registry | undefined> {
  return wired().app === undefined ? undefined : loadRegistry()
}

async function load(state: Wired, app: App): Promise<Registry> {
  const { functions } = await app.load()
  state.loaded = true
  return createRegistry({ ...state, functions, queues: app.queues })
}

/** A registry that knows nothing of the process's own: what was wired is not in it. */
export function createRegistry(parts: RegistryParts): Registry {
  const queues = parts.queues ?? defaultQueues
  const workflows = defineWorkflows(parts.workflows ?? [])
  const rpcs = defineRpcs(parts.functions ?? {})
  const queueWorkers = [...defineQueueWorkers(parts.queueWorkers ?? [], queues).values()]
  return {
    queues,
    workflow: (name) => workflows.get(name),
    rpc: (name) => rpcs.get(name),
    workflows: () => [...workflows.values()],
    rpcs: () => [...rpcs.values()],
    queueWorkers: () => queueWorkers,
  }
}

/**
 * Forget what was wired in this process: the app, its workflows and its queue workers. Between tests that wire.
 *
 * @example
 * afterEach(resetRegistry)
 */
export function resetRegistry(): void {
  delete holder[key]
}

function defineWorkflows(wirings: readonly WorkflowWiring[]): Map<string, WorkflowDefinition> {
  const found = new Map<string, WorkflowDefinition>()
  for (const { name, func, description = func?.description, tags = func?.tags } of wirings) {
    assertName(name, "wireWorkflow: 'name'")
    if (func?.kind !== 'workflow') throw wrongFunc(`wireWorkflow('${name}')`, 'pikkuWorkflowFunc', func)
    assertTags(tags, `wireWorkflow('${name}'): tags`)
    if (found.has(name))
      throw configuration(`wireWorkflow: a workflow named '${name}' is wired already; names are unique in the app`)
    const codeHash = createHash('sha256').update(func.func.toString()).digest('hex').slice(0, 16)
    found.set(name, { name, func: func.func, tags, codeHash, ...given({ description }), ...schemas(func) })
  }
  return found
}

function defineRpcs(functions: Readonly<Record<string, FunctionConfig>>): Map<string, RpcDefinition> {
  const found = new Map<string, RpcDefinition>()
  for (const [name, config] of Object.entries(functions)) {
    assertName(name, "pikkuSessionlessFunc: 'name'")
    if (config?.kind !== 'function') throw wrongFunc(`function '${name}'`, 'pikkuSessionlessFunc', config)
    const { retries, retryDelay } = config
    found.set(name, { name, func: config.func, ...given({ retries, retryDelay }), ...schemas(config) })
  }
  return found
}

function defineQueueWorkers(
  wirings: readonly QueueWorkerWiring[],
  queues = defaultQueues,
): Map<string, QueueWorkerDefinition> {
  const found = new Map<string, QueueWorkerDefinition>()
  for (const { queueName, func, config } of wirings) {
    assertName(queueName, "wireQueueWorker: 'queueName'")
    const where = `wireQueueWorker('${queueName}')`
    if (func?.kind !== 'function') throw wrongFunc(where, 'pikkuSessionlessFunc', func)
    if (queueName === queues.orchestrator || queueName === queues.worker) {
      throw configuration(`${where}: this queue belongs to the workflows; take another name`)
    }
    if (found.has(queueName)) throw configuration(`${where}: this queue has a worker already`)
    const unknown = Object.keys(config ?? {}).find((option) => option !== 'concurrency')
    if (unknown !== undefined) {
      throw configuration(
        `${where}: 'config' has no option ${describe(unknown)} in this release; accepted is concurrency`,
      )
    }
    const concurrency = config?.concurrency
    if (concurrency !== undefined && !(Number.isSafeInteger(concurrency) && concurrency > 0)) {
      throw configuration(`${where}: 'concurrency' must be a whole number, 1 or more, found ${describe(concurrency)}`)
    }
    found.set(queueName, { queueName, func: func.func, ...given({ concurrency }), ...schemas(func) })
  }
  return found
}

function schemas({ input, output }: FunctionConfig | WorkflowConfig): {
  input?: StandardSchemaV1
  output?: StandardSchemaV1
} {
  return given({ input, output })
}

/** The same object without the keys that are undefined. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}

function refuseLate(state: Wired, where: string): void {
  if (!state.loaded) return
  throw configuration(
    `${where} came after the app was loaded: wire at the top level of a module inside srcDirectories, and run \`npx pikku\``,
  )
}

function wrongFunc(where: string, helper: string, found: unknown): WorkflowError {
  return configuration(`${where}: 'func' must be what ${helper}(…) returned, found ${describe(found)}`)
}

function configuration(message: string): WorkflowError {
  return new WorkflowError('CONFIGURATION', message)
}

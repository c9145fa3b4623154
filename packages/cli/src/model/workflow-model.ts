import type { Position } from '../diagnostics.ts'

/** In and Out as TypeScript text that is valid in the generated file. */
export interface TypePair {
  /** What it is given. */
  readonly input: string
  /** What it answers. */
  readonly output: string
}

/** What functions, workflows and queue workers all have. */
interface Described extends TypePair {
  /** For people and tools. */
  readonly description?: string
  /** As they stand in the source; empty without any. */
  readonly tags: readonly string[]
  /** Where it is defined or wired. */
  readonly position: Position
}

/** A function of the app: what `rpc.invoke` and a step call by name. */
export interface RpcModel extends Described {
  /** What it is called by: its export name, or `name` of its options. */
  readonly name: string
  /** The module that exports it, absolute, and under what name. */
  readonly module: string
  /** The name it is exported under. */
  readonly exportName: string
}

/** A step as it is seen in a workflow's body. */
export interface StepModel {
  /** What the body calls. */
  readonly kind: 'rpc' | 'inline' | 'sleep'
  /** Null where the name is computed. */
  readonly name: string | null
  /** The name of the function, for an `rpc` that names it in the source. */
  readonly rpc?: string
  /** Where the function's name stands. */
  readonly rpcPosition?: Position
  /** Where the body calls it. */
  readonly position: Position
}

/** A workflow of the app: a `wireWorkflow` at the top level of a module. */
export interface WorkflowModel extends Described {
  /** What `rpc.startWorkflow` calls it. */
  readonly name: string
  /** As they stand in the body, first to last. */
  readonly steps: readonly StepModel[]
}

/** A queue worker of the app: a `wireQueueWorker` at the top level of a module. */
export interface QueueWorkerModel extends Described {
  /** The queue it consumes. */
  readonly queueName: string
}

/** Everything the emitters see. Lists are in the order of their names. */
export interface AppModel {
  /** What steps and `rpc.invoke` can call. */
  readonly rpcs: readonly RpcModel[]
  /** What `rpc.startWorkflow` can start. */
  readonly workflows: readonly WorkflowModel[]
  /** What consumes queues beside the two of the workflows. */
  readonly queueWorkers: readonly QueueWorkerModel[]
  /** Modules that define or wire something, absolute, in the order of their names. */
  readonly modules: readonly string[]
  /** The names of the two queues that workflows run on. */
  readonly queues: { readonly orchestrator: string; readonly worker: string }
  /** The module of `createSingletonServices`, absolute. */
  readonly services: string
}

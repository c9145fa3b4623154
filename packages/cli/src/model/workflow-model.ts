import type { Position } from '../diagnostics.ts'

/** In and Out as TypeScript text that is valid in the generated file. */
export interface TypePair {
  readonly input: string
  readonly output: string
}

interface Described extends TypePair {
  readonly description?: string
  readonly tags: readonly string[]
  readonly position: Position
}

/** A function of the app: what `rpc.invoke` and a step call by name. */
export interface RpcModel extends Described {
  readonly name: string
  /** The module that exports it, absolute, and under what name. */
  readonly module: string
  readonly exportName: string
}

/** A step as it is seen in a workflow's body. */
export interface StepModel {
  readonly kind: 'rpc' | 'inline' | 'sleep'
  /** Null where the name is computed. */
  readonly name: string | null
  readonly rpc?: string
  /** Where the function's name stands. */
  readonly rpcPosition?: Position
  readonly position: Position
}

export interface WorkflowModel extends Described {
  readonly name: string
  readonly steps: readonly StepModel[]
}

export interface QueueWorkerModel extends Described {
  readonly queueName: string
}

/** Everything the emitters see. Lists are in the order of their names. */
export interface AppModel {
  readonly rpcs: readonly RpcModel[]
  readonly workflows: readonly WorkflowModel[]
  readonly queueWorkers: readonly QueueWorkerModel[]
  /** Modules that define or wire something, absolute, in the order of their names. */
  readonly modules: readonly string[]
  readonly queues: { readonly orchestrator: string; readonly worker: string }
  /** The module of `createSingletonServices`, absolute. */
  readonly services: string
}

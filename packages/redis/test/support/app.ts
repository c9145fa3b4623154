import { createRegistry, defineFunction, defineWorkflow } from '@pikku/core'
import type { FunctionConfig, Registry, TypedRpc, WorkflowConfig, WorkflowContext } from '@pikku/core'

interface BodyServices {
  readonly workflow: Pick<WorkflowContext, 'runId' | 'sleep'> & {
    do(name: string, what: string | (() => unknown), data?: unknown): Promise<unknown>
  }
  readonly rpc: TypedRpc
}

export interface TestApp {
  readonly workflows: Readonly<Record<string, (services: BodyServices, input: unknown) => unknown>>
  readonly functions?: Readonly<Record<string, (services: object, data: unknown) => unknown>>
}

/** An app put together by hand, as the generated file of an app does it. */
export function registryOf({ workflows, functions = {} }: TestApp): Registry {
  const asFunction = (func: (services: object, data: unknown) => unknown): FunctionConfig =>
    defineFunction({ func: func as never }) as FunctionConfig
  const asWorkflow = (func: TestApp['workflows'][string]): WorkflowConfig =>
    defineWorkflow({ func: func as never }) as WorkflowConfig
  return createRegistry({
    functions: Object.fromEntries(Object.entries(functions).map(([name, func]) => [name, asFunction(func)])),
    workflows: Object.entries(workflows).map(([name, func]) => ({ name, func: asWorkflow(func) })),
  })
}

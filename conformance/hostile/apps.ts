import { createRegistry, defineFunction, defineWorkflow } from '@pikku/core'
import type { FunctionConfig, WorkflowConfig, WorkflowContext } from '@pikku/core'
import type { Logger } from '@pikku/core/contract'
import type { WorkflowService, WorkflowServiceOptions } from '@pikku/core/service'
import type { World } from '../worlds.ts'

type Body = (workflow: WorkflowContext, input: never) => unknown
type Func = (data: never, wire: StepWire) => unknown

interface StepWire {
  readonly workflowStep?: { readonly runId: string; readonly attemptCount: number; readonly signal: AbortSignal }
}

/** Functions, workflows and queue workers by name. */
export interface Parts {
  readonly functions?: Readonly<Record<string, Func>> | ReadonlyMap<string, Func>
  readonly workflows: Readonly<Record<string, Body>> | ReadonlyMap<string, Body>
  readonly queueWorkers?: Readonly<Record<string, Func>>
}

/** One process of an app, its workers included. */
export interface HostileApp {
  readonly service: WorkflowService
  readonly queueService: ReturnType<World['queueService']>
  /** Everything its logger was told. */
  readonly lines: string[]
  close(graceMs?: number): Promise<void>
}

export interface AppOptions extends WorkflowServiceOptions {
  /** Steps at once; default: as everywhere. */
  readonly steps?: number
}

/** In remote mode: runs and steps go through the world's queues. */
export async function openApp(world: World, parts: Parts, options: AppOptions = {}): Promise<HostileApp> {
  const { steps, ...serviceOptions } = options
  const lines: string[] = []
  const logger = recorder(lines)
  const queueService = world.queueService(logger)
  const service = world.workflowService(queueService, serviceOptions)
  const services = { workflowService: service, queueService, logger }
  const registry = registryOf(parts)
  service.bind(services, registry)
  const concurrency = steps === undefined ? {} : { [registry.queues.worker]: steps }
  const workers = new world.Workers(services, { concurrency })
  await workers.registerQueues()
  return {
    service,
    queueService,
    lines,
    close: async (graceMs = 0) => {
      await workers.close({ graceMs })
      await service.close({ graceMs })
      await queueService.close()
    },
  }
}

export function registryOf({ functions = {}, workflows, queueWorkers = {} }: Parts): ReturnType<typeof createRegistry> {
  const funcs = entriesOf(functions).map(([name, func]) => [name, asFunction(func)] as const)
  return createRegistry({
    functions: Object.fromEntries(funcs),
    workflows: entriesOf(workflows).map(([name, body]) => ({ name, func: asWorkflow(body) })),
    queueWorkers: Object.entries(queueWorkers).map(([queueName, func]) => ({ queueName, func: asFunction(func) })),
  })
}

function entriesOf<T>(named: Readonly<Record<string, T>> | ReadonlyMap<string, T>): [string, T][] {
  return named instanceof Map ? [...named] : Object.entries(named as Record<string, T>)
}

function asFunction(func: Func): FunctionConfig {
  return defineFunction({
    func: (services: object, data: unknown) => func(data as never, services as StepWire),
  }) as FunctionConfig
}

function asWorkflow(body: Body): WorkflowConfig {
  return defineWorkflow({
    func: (services: object, input: unknown) =>
      body((services as { workflow: WorkflowContext }).workflow, input as never),
  }) as WorkflowConfig
}

function recorder(lines: string[]): Logger {
  const record = (message: string): void => void lines.push(message)
  return { debug: record, info: record, warn: record, error: record }
}

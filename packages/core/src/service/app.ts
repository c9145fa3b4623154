import { WorkflowError, type Logger } from '../contract/index.ts'
import {
  nearest,
  type AnyFunction,
  type QueueWire,
  type Registry,
  type StartedWorkflow,
  type TypedRpc,
} from '../define/index.ts'
import { describe } from '../domain/describe.ts'
import { bodyScope, insideRpcStep } from '../engine/body-scope.ts'
import type { AppFunctions } from '../engine/parts.ts'
import { validInput, validOutput } from './schema.ts'

/** The bag of services of an app: what `createSingletonServices` returns. */
export type Services = object

export type StartRun = (
  name: string,
  input: unknown,
  options: { runId?: string } | undefined,
) => Promise<StartedWorkflow>

/** Calls the app's functions with its services, their schemas applied, and with an `rpc` that knows how deep it is. */
export class App implements AppFunctions {
  readonly #services: Services
  readonly #registry: Registry
  readonly #start: StartRun

  constructor(services: Services, registry: Registry, start: StartRun) {
    this.#services = services
    this.#registry = registry
    this.#start = start
  }

  callRpc(name: string, data: unknown, extras: object): Promise<unknown> {
    return insideRpcStep(() => this.#call(name, data, { ...extras, rpc: this.rpc(1) }))
  }

  /** The input was checked when the run was started. */
  async callWorkflow(name: string, input: unknown, workflow: object): Promise<unknown> {
    const definition = this.#registry.workflow(name)
    if (!definition) throw unknownWorkflow(name, this.#registry)
    const output = await this.#enter(definition.func, input, { workflow, rpc: this.rpc(1) })
    return validOutput(definition.output, output, `the output of workflow '${name}'`)
  }

  /** Run the function wired to a queue. */
  async callQueueWorker(queueName: string, data: unknown, queue: QueueWire): Promise<unknown> {
    const worker = this.#registry.queueWorkers().find((candidate) => candidate.queueName === queueName)
    if (!worker) throw new WorkflowError('CONFIGURATION', `no worker is wired to queue '${queueName}'`)
    const checked = await validInput(worker.input, data, `the data of a job on queue '${queueName}'`)
    const result = await this.#enter(worker.func, checked, { queue, rpc: this.rpc(1) })
    return validOutput(worker.output, result, `the result of a job on queue '${queueName}'`)
  }

  rpc(depth: number): TypedRpc {
    return {
      depth,
      invoke: async (name, ...[data]) => {
        refuseInBody(`rpc.invoke('${name}', …)`, `workflow.do('a step name', '${name}', …)`)
        return this.#call(name, data, { rpc: this.rpc(depth + 1) })
      },
      startWorkflow: async (name, ...[input, options]) => {
        refuseInBody(
          `rpc.startWorkflow('${name}', …)`,
          `workflow.do('a step name', async () => rpc.startWorkflow('${name}', …))`,
        )
        return this.#start(name, input, options)
      },
    }
  }

  async #call(name: string, data: unknown, wire: object): Promise<unknown> {
    const definition = this.#registry.rpc(name)
    if (!definition) throw unknownRpc(name, this.#registry)
    const checked = await validInput(definition.input, data, `the input of function '${name}'`)
    const result = await this.#enter(definition.func, checked, wire)
    return validOutput(definition.output, result, `the result of function '${name}'`)
  }

  #enter(func: AnyFunction, data: unknown, wire: object): unknown {
    return func({ ...this.#services, logger: loggerOf(this.#services), ...wire }, data, wire)
  }
}

/** `where`: who asked for it, where that is not the caller at hand. */
export function unknownRpc(name: string, registry: Registry, where?: string): WorkflowError {
  const prefix = where === undefined ? '' : `${where}: `
  return new WorkflowError(
    'RPC_NOT_FOUND',
    `${prefix}no function is named ${describe(name)}${hint(name, registry.rpcs())}`,
  )
}

export function unknownWorkflow(name: string, registry: Registry): WorkflowError {
  return new WorkflowError(
    'WORKFLOW_NOT_FOUND',
    `no workflow is named ${describe(name)}${hint(name, registry.workflows())}`,
  )
}

function hint(name: string, known: readonly { name: string }[]): string {
  // Callers without types may give anything.
  const near = nearest(
    String(name),
    known.map((candidate) => candidate.name),
  )
  if (near.length > 0) return `; did you mean ${near.map((candidate) => `'${candidate}'`).join(' or ')}?`
  return known.length === 0
    ? '; this app has none (did you run `npx pikku`?)'
    : `; known are ${known
        .slice(0, 10)
        .map((one) => `'${one.name}'`)
        .join(', ')}`
}

/** A step inside a step is asked for while its outer step runs, and never again: the outer one's record stands for it. */
export function assertInBody(what: string, workflow: string): void {
  if (!bodyScope.getStore()?.inStep) return
  throw new WorkflowError(
    'INVALID_INPUT',
    `${what} was asked for inside the function of an inline step of workflow '${workflow}': ask for it in the body instead, before or after that step`,
  )
}

/** There it would be a side effect of every replay. */
function refuseInBody(call: string, instead: string): void {
  const scope = bodyScope.getStore()
  if (!scope || scope.inStep) return
  throw new WorkflowError(
    'INVALID_INPUT',
    `${call} in the body of workflow '${scope.workflow}' would happen again on every replay; use ${instead}`,
  )
}

/** @throws WorkflowError `CONFIGURATION` for what `createSingletonServices` cannot have resolved with */
export function assertServices(services: unknown, where: string): asserts services is Services {
  const isPromise = services instanceof Promise
  if (typeof services === 'object' && services !== null && !isPromise) return
  throw new WorkflowError(
    'CONFIGURATION',
    `${where}: the services are ${describe(services)}${isPromise ? ' (is an await missing?)' : ''}; accepted is the object that createSingletonServices resolves with`,
  )
}

export function loggerOf(services: { logger?: Logger }): Logger {
  return services.logger ?? console
}

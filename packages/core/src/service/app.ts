import type { StandardSchemaV1 } from '@standard-schema/spec'
import { WorkflowError, type Logger } from '../contract/index.ts'
import { nearest, type QueueWire, type Registry, type StartedWorkflow, type TypedRpc } from '../define/index.ts'
import { describe } from '../domain/describe.ts'
import { bodyScope } from '../engine/body-scope.ts'
import type { AppFunctions } from '../engine/parts.ts'

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
    return this.#call(name, data, extras, 1)
  }

  async callWorkflow(name: string, input: unknown, workflow: object): Promise<unknown> {
    const definition = this.#registry.workflow(name)
    if (!definition) throw unknownWorkflow(name, this.#registry)
    const wire = { workflow, rpc: this.rpc(1) }
    const output = await definition.func({ ...withLogger(this.#services), ...wire }, input, wire)
    return validated(definition.output, output, 'INVALID_OUTPUT', `the output of workflow '${name}'`)
  }

  /** Run the function wired to a queue. */
  async callQueueWorker(queueName: string, data: unknown, queue: QueueWire): Promise<unknown> {
    const worker = this.#registry.queueWorkers().find((candidate) => candidate.queueName === queueName)
    if (!worker) throw new WorkflowError('CONFIGURATION', `no worker is wired to queue '${queueName}'`)
    const checked = await validated(worker.input, data, 'INVALID_INPUT', `the data of a job on queue '${queueName}'`)
    const wire = { queue, rpc: this.rpc(1) }
    const result = await worker.func({ ...withLogger(this.#services), ...wire }, checked, wire)
    return validated(worker.output, result, 'INVALID_OUTPUT', `the result of a job on queue '${queueName}'`)
  }

  rpc(depth: number): TypedRpc {
    return {
      depth,
      invoke: async (name, ...[data]) => {
        refuseInBody(`rpc.invoke('${name}', …)`, `workflow.do('a step name', '${name}', …)`)
        return this.#call(name, data, {}, depth + 1)
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

  async #call(name: string, data: unknown, extras: object, depth: number): Promise<unknown> {
    const definition = this.#registry.rpc(name)
    if (!definition) throw unknownRpc(name, this.#registry)
    const checked = await validated(definition.input, data, 'INVALID_INPUT', `the input of function '${name}'`)
    const wire = { ...extras, rpc: this.rpc(depth) }
    const result = await definition.func({ ...withLogger(this.#services), ...wire }, checked, wire)
    return validated(definition.output, result, 'INVALID_OUTPUT', `the result of function '${name}'`)
  }
}

/** What the schema makes of a value, or the value itself where there is none. @throws WorkflowError naming every issue */
export async function validated(
  schema: StandardSchemaV1 | undefined,
  value: unknown,
  code: 'INVALID_INPUT' | 'INVALID_OUTPUT',
  what: string,
): Promise<unknown> {
  if (!schema) return value
  const result = await schema['~standard'].validate(value)
  if (!result.issues) return result.value
  const issues = result.issues.map((issue) => {
    const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
    return path ? `${path}: ${issue.message}` : issue.message
  })
  throw new WorkflowError(code, `${what} does not fit its schema: ${issues.join('; ')}`)
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

export function withLogger(services: Services): Services & { logger: Logger } {
  return { ...services, logger: loggerOf(services) }
}

export function loggerOf(services: { logger?: Logger }): Logger {
  return services.logger ?? console
}

import type { RunId } from '../contract/index.ts'
import { WorkflowError } from '../contract/index.ts'
import { describe } from '../domain/describe.ts'
import { MAX_DURATION_MS, parseDuration } from '../domain/duration.ts'
import { MAX_STEPS } from '../domain/limits.ts'
import { assertStepName } from '../domain/names.ts'
import { deterministicUuid, seededRandom } from '../domain/random.ts'
import { retryPolicy } from '../domain/retry-policy.ts'
import type { EncodedInput, InlineStep, Request, StepRequestOptions } from './command.ts'
import type { ReplayPort } from './replay.ts'

/** What a body's context needs to know and to ask of the engine. */
export interface ContextSource {
  readonly runId: RunId
  readonly workflowName: string
  readonly createdAt: number
  /** Throws when the value cannot be kept. */
  encodeInput(value: unknown, what: string): EncodedInput
  /** Throws `RPC_NOT_FOUND` with near matches; `where` is who asked. */
  assertRpc(rpcName: string, where: string): void
  /** Throws inside an inline step's function, naming what was asked there: a replay would not come by to ask again. */
  assertInBody(what: string): void
  getRun(): Promise<unknown>
}

/** The object a workflow function knows as `workflow`; its public type is `WorkflowContext`. */
export interface BodyContext {
  readonly runId: RunId
  readonly workflowName: string
  do(name: string, what: string | (() => unknown), ...rest: unknown[]): Promise<unknown>
  sleep(name: string, duration: number | string): Promise<void>
  sleepUntil(name: string, date: Date): Promise<void>
  cancel(reason?: string): Promise<never>
  getRun(): Promise<unknown>
  now(): Date
  random(): number
  uuid(): string
}

/** Bad requests reject at once, the same on every replay: they never become a step. */
export function createWorkflowContext(port: ReplayPort, source: ContextSource): BodyContext {
  const random = seededRandom(`${source.runId}:random`)
  let uuids = 0
  let steps = 0
  const ask = (name: string, request: () => Request): Promise<unknown> =>
    asStep(() => {
      source.assertInBody(`step '${name}'`)
      const asked = request()
      if (steps >= MAX_STEPS) throw tooManySteps(source.workflowName)
      steps++
      return port.request(asked)
    })
  return {
    runId: source.runId,
    workflowName: source.workflowName,
    do: (name, what, ...rest) => ask(name, () => asked([name, what, ...rest], source, port)),
    sleep: (name, duration) =>
      ask(name, () => {
        assertStepName(name, 'workflow.sleep: the step name')
        return { kind: 'sleep', name, until: { inMs: parseDuration(duration, `workflow.sleep('${name}', …)`) } }
      }) as Promise<void>,
    sleepUntil: (name, date) =>
      ask(name, () => {
        assertStepName(name, 'workflow.sleepUntil: the step name')
        return { kind: 'sleep', name, until: { at: instant(date, name, port.now() ?? source.createdAt) } }
      }) as Promise<void>,
    cancel: (reason = 'cancelled by the workflow') => port.cancel(String(reason)),
    getRun: () => source.getRun(),
    now: () => new Date(port.now() ?? source.createdAt),
    random,
    uuid: () => deterministicUuid(source.runId, uuids++),
  }
}

/** A bad request becomes a rejection, and like every step promise one that nobody has to await (A7). */
function asStep<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return ask()
  } catch (error) {
    const rejected = Promise.reject<T>(error)
    rejected.catch(() => undefined)
    return rejected
  }
}

function asked(
  [name, what, ...rest]: readonly [string, unknown, ...unknown[]],
  source: ContextSource,
  port: ReplayPort,
): Request {
  assertStepName(name, 'workflow.do: the step name')
  if (typeof what === 'function') {
    return { kind: 'inline', name, run: what as (step: InlineStep) => unknown, options: stepOptions(rest[0], name) }
  }
  if (typeof what !== 'string') throw notAStep(name, what)
  // A function that was taken out of the code fails no run that called it before.
  if (!port.holdsCall(name, what)) source.assertRpc(what, `workflow.do('${name}', …)`)
  const options = stepOptions(rest[1], name)
  return {
    kind: 'rpc',
    name,
    rpcName: what,
    input: source.encodeInput(rest[0], `the input of step '${name}'`),
    options,
  }
}

function instant(date: unknown, name: string, now: number): number {
  const where = `workflow.sleepUntil('${name}', …)`
  if (!(date instanceof Date) || Number.isNaN(date.getTime()))
    throw new WorkflowError('INVALID_DURATION', `${where}: ${describe(date)} was given; accepted is a valid Date`)
  if (date.getTime() - now > MAX_DURATION_MS)
    throw new WorkflowError(
      'INVALID_DURATION',
      `${where}: ${date.toISOString()} is more than 100 years away; accepted is a Date before that`,
    )
  return date.getTime()
}

/** Validated here, where the body can see the error; read again where the step is planned. */
function stepOptions(options: unknown, name: string): StepRequestOptions {
  if (options === undefined) return {}
  if (typeof options !== 'object' || options === null) {
    throw new WorkflowError(
      'INVALID_INPUT',
      `step '${name}': options must be an object { retries?, retryDelay? }, got ${describe(options)}`,
    )
  }
  const accepted = ['retries', 'retryDelay']
  const unknown = Object.keys(options).find((key) => !accepted.includes(key))
  if (unknown !== undefined) {
    const later = ['backoff', 'timeout', 'onUncertain'].includes(unknown) ? ' (not in this release)' : ''
    throw new WorkflowError(
      'INVALID_INPUT',
      `step '${name}': unknown option '${unknown}'${later}; accepted: ${accepted.join(', ')}`,
    )
  }
  retryPolicy(options, {}, `step '${name}'`)
  return options
}

function tooManySteps(workflow: string): WorkflowError {
  return new WorkflowError(
    'INVALID_INPUT',
    `a run of '${workflow}' asked for more than ${MAX_STEPS} steps; split the work over several runs`,
  )
}

function notAStep(name: string, what: unknown): WorkflowError {
  return new WorkflowError(
    'INVALID_INPUT',
    `workflow.do('${name}', …): the second argument must be the name of a function (then its data follows) or a function to run, got ${describe(what)}`,
  )
}

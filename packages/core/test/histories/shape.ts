import { defineWorkflow, type StepOptions, type WorkflowWire } from '../../src/index.ts'
import type { MockCall, StepChoice, StepFailure } from '../../src/testing/index.ts'

/** `WorkflowContext` as loosely typed as shapes need it. */
export interface ShapeContext {
  do<T = unknown>(name: string, fn: () => T | PromiseLike<T>, options?: StepOptions): Promise<T>
  do<T = unknown>(name: string, rpcName: string, data?: unknown, options?: StepOptions): Promise<T>
  sleep(name: string, duration: number | string): Promise<void>
  sleepUntil(name: string, date: Date): Promise<void>
  cancel(reason?: string): Promise<never>
  now(): Date
  random(): number
  uuid(): string
}

/** `never` as the data: a function that names its own type fits. */
export type ShapeBody = (workflow: ShapeContext, input: never) => Promise<unknown>

/** One way of using the engine, and the run that shows it. Its code stands for that of a user: it is never changed. */
export interface Shape {
  readonly body: ShapeBody
  readonly input?: unknown
  readonly functions?: Readonly<Record<string, (data: never, call: MockCall) => unknown>>
  readonly failures?: readonly StepFailure[]
  readonly crashes?: readonly StepChoice[]
  /** The code that comes later, where the body is to differ by then. */
  readonly later?: ShapeBody
}

type Wire = WorkflowWire<Readonly<Record<string, { readonly input: unknown; readonly output: unknown }>>>

/** What a body was given: the step's name, and what came of it. */
export type Given = readonly [name: string, how: 'ok' | 'error', what: unknown]

/** The body as a workflow. `given` notes in which order it was given what. */
export function workflowOf(body: ShapeBody, given: Given[] = []) {
  return defineWorkflow<unknown, unknown, object, Wire>(({ workflow }, input) => {
    // The same methods, called with less known of their types.
    return body(noting(workflow as unknown as ShapeContext, given), input as never)
  })
}

function noting(workflow: ShapeContext, given: Given[]): ShapeContext {
  const note = <T>(name: string, step: Promise<T>): Promise<T> => {
    step.then(
      (value) => given.push([name, 'ok', value]),
      (error: unknown) => given.push([name, 'error', error]),
    )
    return step
  }
  return {
    ...workflow,
    do: (name: string, ...rest: unknown[]) =>
      note(name, Reflect.apply(workflow.do, workflow, [name, ...rest]) as Promise<never>),
    sleep: (name, duration) => note(name, workflow.sleep(name, duration)),
    sleepUntil: (name, date) => note(name, workflow.sleepUntil(name, date)),
  }
}

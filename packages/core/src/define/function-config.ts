import type { StandardSchemaV1 } from '@standard-schema/spec'
import { checkedElsewhere, checkOptions, type OptionRule } from '../domain/check-options.ts'
import { assertTags } from '../domain/names.ts'
import { retryPolicy } from '../domain/retry-policy.ts'
import type { Duration, FunctionWire, PikkuFunction, WithLogger, WorkflowWire } from './types.ts'

/** A function whose types were checked where it was defined. */
export type AnyFunction = (services: object, data: unknown, wire: object) => unknown

/** What both kinds of definition may say. */
interface SharedOptions<In, Out> {
  /** For people and tools. */
  readonly description?: string
  /** To find it, and the runs of a workflow, by. Default: none. */
  readonly tags?: readonly string[]
  /** Checks, and may transform, the input before the function sees it. */
  readonly input?: StandardSchemaV1<unknown, In>
  /** Checks, and may transform, what the function returned. */
  readonly output?: StandardSchemaV1<Out, unknown>
}

/** The long form of `pikkuSessionlessFunc`. */
export interface FunctionOptions<In, Out, Services = object, Wire = FunctionWire> extends SharedOptions<In, Out> {
  /** The function itself: `(services, data, wire)`. */
  readonly func: PikkuFunction<In, Out, Services, Wire>
  /** The name it is called by. Default: its export name. Unique in the app. */
  readonly name?: string
  /** Extra attempts after the first when it runs as a step. Default 0. A step's own options win. */
  readonly retries?: number
  /** The least time between two attempts of a step. Default 0. */
  readonly retryDelay?: Duration
}

/** The long form of `pikkuWorkflowFunc`. */
export interface WorkflowOptions<In, Out, Services = object, Wire = WorkflowWire> extends SharedOptions<In, Out> {
  /** The body: `(services, input, wire)`. It is run again from its history, so it decides from that alone. */
  readonly func: PikkuFunction<In, Out, Services, Wire>
}

/** What `pikkuSessionlessFunc` returns. */
export interface FunctionConfig<In = unknown, Out = unknown, Bag = object, Wire = object> {
  /** Tells the two kinds of definition apart. */
  readonly kind: 'function'
  /** The function itself, for a test that calls it with services of its own. */
  func(services: Bag & Wire, data: In, wire: Wire): Out | Promise<Out>
  /** The name it is called by. Default: its export name. */
  readonly name?: string
  /** For people and tools. */
  readonly description?: string
  /** Given with the definition, else empty. */
  readonly tags: readonly string[]
  /** Extra attempts after the first when it runs as a step. Default 0. */
  readonly retries?: number
  /** The least time between two attempts of a step. Default 0. */
  readonly retryDelay?: Duration
  /** Checks, and may transform, the input before the function sees it. */
  readonly input?: StandardSchemaV1
  /** Checks, and may transform, what the function returned. */
  readonly output?: StandardSchemaV1
}

/** What `pikkuWorkflowFunc` returns; `wireWorkflow` gives it a name. */
export interface WorkflowConfig<In = unknown, Out = unknown, Bag = object, Wire = object> {
  /** Tells the two kinds of definition apart. */
  readonly kind: 'workflow'
  /** The function itself, for a test that calls it with a `workflow` of its own. */
  func(services: Bag & Wire, data: In, wire: Wire): Out | Promise<Out>
  /** For people and tools. */
  readonly description?: string
  /** Kept with every run, unless `wireWorkflow` names others. */
  readonly tags: readonly string[]
  /** Checks, and may transform, the input before the function sees it. */
  readonly input?: StandardSchemaV1
  /** Checks, and may transform, what the function returned. */
  readonly output?: StandardSchemaV1
}

/** Behind the generated `pikkuSessionlessFunc`. @throws `WorkflowError` with code `CONFIGURATION` for a bad definition */
export function defineFunction<In, Out, Services, Wire>(
  definition: PikkuFunction<In, Out, Services, Wire> | FunctionOptions<In, Out, Services, Wire>,
): FunctionConfig<In, Out, WithLogger<Services>, Wire> {
  const options = typeof definition === 'function' ? { func: definition } : definition
  checkOptions({ name: 'pikkuSessionlessFunc', instead: 'a function' }, functionRules, options)
  assertTags(options.tags ?? [], 'pikkuSessionlessFunc: tags')
  retryPolicy(options, undefined, 'pikkuSessionlessFunc')
  return Object.freeze({ ...options, tags: options.tags ?? [], kind: 'function' as const })
}

/** Behind the generated `pikkuWorkflowFunc`. @throws `WorkflowError` with code `CONFIGURATION` for a bad definition */
export function defineWorkflow<In, Out, Services, Wire>(
  definition: PikkuFunction<In, Out, Services, Wire> | WorkflowOptions<In, Out, Services, Wire>,
): WorkflowConfig<In, Out, WithLogger<Services>, Wire> {
  const options = typeof definition === 'function' ? { func: definition } : definition
  checkOptions({ name: 'pikkuWorkflowFunc', instead: 'a function' }, workflowRules, options)
  assertTags(options.tags ?? [], 'pikkuWorkflowFunc: tags')
  return Object.freeze({ ...options, tags: options.tags ?? [], kind: 'workflow' as const })
}

const text: OptionRule = { accepts: (value) => typeof value === 'string', accepted: 'a string' }
const schema: OptionRule = { accepts: isSchema, accepted: 'a Standard Schema (zod, valibot, arktype …)' }

const workflowRules: Readonly<Record<string, OptionRule>> = {
  func: { accepts: (value) => typeof value === 'function', accepted: 'a function', required: true },
  description: text,
  tags: checkedElsewhere,
  input: schema,
  output: schema,
}
const functionRules: Readonly<Record<string, OptionRule>> = {
  ...workflowRules,
  name: text,
  retries: checkedElsewhere,
  retryDelay: checkedElsewhere,
}

function isSchema(value: unknown): boolean {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && '~standard' in value
}

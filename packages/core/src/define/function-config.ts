import type { StandardSchemaV1 } from '@standard-schema/spec'
import { WorkflowError } from '../contract/errors.ts'
import { describe } from '../domain/describe.ts'
import { assertTags } from '../domain/names.ts'
import { retryPolicy } from '../domain/retry-policy.ts'
import type { Duration, FunctionWire, PikkuFunction, WithLogger, WorkflowWire } from './types.ts'

/** A function whose types were checked where it was defined. */
export type AnyFunction = (services: object, data: unknown, wire: object) => unknown

/** What both kinds of definition may say. */
interface SharedOptions<In, Out> {
  /** For people and tools. */
  readonly description?: string
  readonly tags?: readonly string[]
  /** Checks, and may transform, the input before the function sees it. */
  readonly input?: StandardSchemaV1<unknown, In>
  /** Checks, and may transform, what the function returned. */
  readonly output?: StandardSchemaV1<Out, unknown>
}

/** The long form of `pikkuSessionlessFunc`. */
export interface FunctionOptions<In, Out, Services = object, Wire = FunctionWire> extends SharedOptions<In, Out> {
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
  readonly func: PikkuFunction<In, Out, Services, Wire>
}

/** What `pikkuSessionlessFunc` returns. */
export interface FunctionConfig<In = unknown, Out = unknown, Bag = object, Wire = object> {
  readonly kind: 'function'
  /** The function itself, for a test that calls it with services of its own. */
  func(services: Bag & Wire, data: In, wire: Wire): Out | Promise<Out>
  readonly name?: string
  readonly description?: string
  readonly tags: readonly string[]
  readonly retries?: number
  readonly retryDelay?: Duration
  readonly input?: StandardSchemaV1
  readonly output?: StandardSchemaV1
}

/** What `pikkuWorkflowFunc` returns; `wireWorkflow` gives it a name. */
export interface WorkflowConfig<In = unknown, Out = unknown, Bag = object, Wire = object> {
  readonly kind: 'workflow'
  /** The function itself, for a test that calls it with a `workflow` of its own. */
  func(services: Bag & Wire, data: In, wire: Wire): Out | Promise<Out>
  readonly description?: string
  readonly tags: readonly string[]
  readonly input?: StandardSchemaV1
  readonly output?: StandardSchemaV1
}

/** Behind the generated `pikkuSessionlessFunc`. @throws `WorkflowError` with code `CONFIGURATION` for a bad definition */
export function defineFunction<In, Out, Services, Wire>(
  definition: PikkuFunction<In, Out, Services, Wire> | FunctionOptions<In, Out, Services, Wire>,
): FunctionConfig<In, Out, WithLogger<Services>, Wire> {
  const options = typeof definition === 'function' ? { func: definition } : definition
  checkOptions('pikkuSessionlessFunc', functionKeys, options)
  assertTags(options.tags ?? [], 'pikkuSessionlessFunc: tags')
  retryPolicy(options, undefined, 'pikkuSessionlessFunc')
  return Object.freeze({ ...options, tags: options.tags ?? [], kind: 'function' as const })
}

/** Behind the generated `pikkuWorkflowFunc`. @throws `WorkflowError` with code `CONFIGURATION` for a bad definition */
export function defineWorkflow<In, Out, Services, Wire>(
  definition: PikkuFunction<In, Out, Services, Wire> | WorkflowOptions<In, Out, Services, Wire>,
): WorkflowConfig<In, Out, WithLogger<Services>, Wire> {
  const options = typeof definition === 'function' ? { func: definition } : definition
  checkOptions('pikkuWorkflowFunc', workflowKeys, options)
  assertTags(options.tags ?? [], 'pikkuWorkflowFunc: tags')
  return Object.freeze({ ...options, tags: options.tags ?? [], kind: 'workflow' as const })
}

type Check = readonly [accepts: (value: unknown) => boolean, accepted: string]

const text: Check = [(value) => typeof value === 'string', 'a string']
const schema: Check = [isSchema, 'a Standard Schema (zod, valibot, arktype …)']
// Checked afterwards, by what knows the rules of tags and durations.
const later: Check = [() => true, '']

const workflowKeys: Readonly<Record<string, Check>> = {
  func: [(value) => typeof value === 'function', 'a function'],
  description: text,
  tags: later,
  input: schema,
  output: schema,
}
const functionKeys: Readonly<Record<string, Check>> = {
  ...workflowKeys,
  name: text,
  retries: later,
  retryDelay: later,
}

function isSchema(value: unknown): boolean {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && '~standard' in value
}

/** Every key known and of its type; undefined counts as left out, except for `func`. */
function checkOptions(where: string, keys: Readonly<Record<string, Check>>, options: object): void {
  if (typeof options !== 'object' || options === null) {
    throw new WorkflowError(
      'CONFIGURATION',
      `${where}: found ${describe(options)}; accepted is a function or { func, … }`,
    )
  }
  const given = new Map<string, unknown>(Object.entries(options))
  if (!given.has('func')) given.set('func', undefined)
  for (const [key, value] of given) {
    const check = Object.hasOwn(keys, key) ? keys[key] : undefined
    if (check === undefined) {
      throw new WorkflowError(
        'CONFIGURATION',
        `${where}: unknown option '${key}'; accepted are ${Object.keys(keys).join(', ')}`,
      )
    }
    const [accepts, accepted] = check
    if ((value !== undefined || key === 'func') && !accepts(value)) {
      throw new WorkflowError('CONFIGURATION', `${where}: '${key}' must be ${accepted}, found ${describe(value)}`)
    }
  }
}

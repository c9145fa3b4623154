import { WorkflowError } from '../contract/errors.ts'
import { assertName } from '../domain/names.ts'

/** How instances of one class are kept. */
export interface Reducer<T, D> {
  /** Whether a value is one of them. Asked of class instances only, never of plain objects and arrays. */
  readonly is: (value: unknown) => value is T
  /** What is kept of it: any value that can be kept itself. */
  readonly reduce: (value: T) => D
  /** Makes it again from that. Must not have side effects: it runs at every replay. */
  readonly revive: (data: D) => T
}

interface NamedReducer {
  readonly name: string
  readonly is: (value: unknown) => boolean
  readonly reduce: (value: unknown) => unknown
  readonly revive: (data: unknown) => unknown
}

// On the global object, so that two copies of this package are one: the app registers with one, an adapter may use the other.
const key = Symbol.for('@pikku/core/reducers')
const holder: typeof globalThis & { [key]?: Map<string, NamedReducer> } = globalThis

function reducers(): Map<string, NamedReducer> {
  return (holder[key] ??= new Map())
}

/**
 * Lets instances of a class be kept in inputs, results and outputs. Every process that runs the app's workflows must
 * register the same classes; the name is stored with each value, so it cannot change while runs hold such values.
 *
 * @throws WorkflowError `INVALID_NAME` when the name is bad or taken
 * @example
 * registerReducer('Money', {
 *   is: (value) => value instanceof Money,
 *   reduce: (money) => [money.amount, money.currency] as const,
 *   revive: ([amount, currency]) => new Money(amount, currency),
 * })
 */
export function registerReducer<T, D>(name: string, reducer: Reducer<T, D>): void {
  assertName(name, 'registerReducer: the name')
  if (reducers().has(name)) {
    throw new WorkflowError(
      'INVALID_NAME',
      `registerReducer: '${name}' is registered already; a class is registered once, under its own name`,
    )
  }
  // The casts: `reduce` only ever gets what `is` accepted, `revive` only what `reduce` returned under the same name.
  reducers().set(name, {
    name,
    is: reducer.is,
    reduce: (value) => reducer.reduce(value as T),
    revive: (data) => reducer.revive(data as D),
  })
}

/** The registered name of a value's class and what is kept of it; null when no class fits. */
export function reduceInstance(value: unknown): readonly [name: string, data: unknown] | null {
  for (const { name, is, reduce } of reducers().values()) if (is(value)) return [name, reduce(value)]
  return null
}

export function reducerNamed(name: string): NamedReducer | undefined {
  return reducers().get(name)
}

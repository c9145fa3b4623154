import { NonRetryableError, RetryableError } from '../contract/errors.ts'
import { describe } from './describe.ts'
import { plainText } from './names.ts'

/**
 * An error taken apart. `cause`, `errors` and `fields` hold the values as they are, errors among them: whoever encodes
 * it takes those apart in turn. `type` comes first: a reader that meets the error again inside itself needs it.
 */
export interface ErrorData {
  /** The standard class it is an instance of; absent for plain errors and others. */
  readonly type?: string
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: string | number
  readonly cause?: unknown
  /** Of an AggregateError. */
  readonly errors?: readonly unknown[]
  /** Its own enumerable properties besides the above. */
  readonly fields?: Readonly<Record<string, unknown>>
}

const LONGEST_JSON = 1_000
const OWN_MEMBERS: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'cause', '__proto__'])

// The more special first: every one of them is also an Error.
const STANDARD: readonly (readonly [string, { readonly prototype: Error }, () => Error])[] = [
  ['NonRetryableError', NonRetryableError, () => new NonRetryableError('')],
  ['RetryableError', RetryableError, () => new RetryableError('', { retryAfter: 0 })],
  ['AggregateError', AggregateError, () => new AggregateError([])],
  ['EvalError', EvalError, () => new EvalError()],
  ['RangeError', RangeError, () => new RangeError()],
  ['ReferenceError', ReferenceError, () => new ReferenceError()],
  ['SyntaxError', SyntaxError, () => new SyntaxError()],
  ['TypeError', TypeError, () => new TypeError()],
  ['URIError', URIError, () => new URIError()],
]

/**
 * Takes apart whatever was thrown. What is not an error becomes one: its message is the text (or the JSON) of the value
 * and its field `thrown` the value itself. Never throws, whatever the getters of the value do.
 */
export function toErrorData(thrown: unknown): ErrorData {
  if (!isError(thrown)) return { name: 'Error', message: messageOf(thrown), fields: { thrown } }
  const stack = read(thrown, 'stack')
  const code = read(thrown, 'code')
  const errors = read(thrown, 'errors')
  const type = typeOf(thrown)
  const codeIsPlain = typeof code === 'string' || typeof code === 'number'
  const errorsAreParts = type === 'AggregateError' && Array.isArray(errors)
  const fields = fieldsOf(thrown, (key) => (key === 'code' && codeIsPlain) || (key === 'errors' && errorsAreParts))
  return {
    ...(type !== undefined && { type }),
    name: textOf(read(thrown, 'name'), 'Error'),
    message: textOf(read(thrown, 'message'), ''),
    ...(typeof stack === 'string' && { stack }),
    ...(codeIsPlain && { code }),
    ...(has(thrown, 'cause') && { cause: read(thrown, 'cause') }),
    ...(errorsAreParts && { errors }),
    ...(fields !== null && { fields }),
  }
}

/** Only what identifies an error, cut to some 20,000 characters: always small enough to be kept. */
export function briefErrorData(thrown: unknown): ErrorData {
  const { type, name, message, stack, code } = toErrorData(thrown)
  return {
    ...(type !== undefined && { type }),
    name: name.slice(0, 200),
    message: plainText(message),
    ...(stack !== undefined && { stack: plainText(stack) }),
    ...(code !== undefined && { code: typeof code === 'string' ? code.slice(0, 200) : code }),
  }
}

/** The error of some data: of its standard class where it had one, with everything the data holds. */
export function fromErrorData(data: ErrorData): Error {
  const error = emptyError(data.type)
  fillError(error, data)
  return error
}

/** Whatever was thrown, as an Error: itself if it is one. */
export function asError(thrown: unknown): Error {
  return isError(thrown) ? thrown : fromErrorData(toErrorData(thrown))
}

/** A new error of a standard class, to be filled with `fillError` (apart, so that an error can be met inside itself). */
export function emptyError(type: string | undefined): Error {
  const standard = STANDARD.find(([name]) => name === type)
  return standard === undefined ? new Error() : standard[2]()
}

/** Gives an error what the data holds. By definition of properties: no setter runs and `__proto__` is a key like others. */
export function fillError(error: Error, data: ErrorData): void {
  if (error.name !== data.name) hide(error, 'name', data.name)
  hide(error, 'message', data.message)
  hide(error, 'stack', data.stack ?? `${data.name}: ${data.message}`)
  if ('cause' in data) hide(error, 'cause', data.cause)
  if (data.errors !== undefined) hide(error, 'errors', data.errors)
  const shown = { ...(data.code !== undefined && { code: data.code }), ...data.fields }
  for (const [key, value] of Object.entries(shown)) {
    Object.defineProperty(error, key, { value, enumerable: true, writable: true, configurable: true })
  }
}

/** Also true for errors of another realm (a vm context). */
export function isError(thing: unknown): thing is Error {
  if (typeof thing !== 'object' || thing === null) return false
  return safely(() => thing instanceof Error || Object.prototype.toString.call(thing) === '[object Error]', false)
}

function hide(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, enumerable: false, writable: true, configurable: true })
}

function typeOf(error: Error): string | undefined {
  const name = read(error, 'name')
  const standard = STANDARD.find(([type, { prototype }]) => {
    // By name as well: of this package's own two classes there may be two copies, and an error may be of another realm.
    return name === type || safely(() => Object.prototype.isPrototypeOf.call(prototype, error), false)
  })
  return standard?.[0]
}

function fieldsOf(error: Error, isKeptElsewhere: (key: string) => boolean): Record<string, unknown> | null {
  const keys = safely(() => Object.keys(error), []).filter((key) => !OWN_MEMBERS.has(key) && !isKeptElsewhere(key))
  if (keys.length === 0) return null
  return Object.fromEntries(keys.map((key) => [key, read(error, key)]))
}

function messageOf(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown
  if (typeof thrown !== 'object' || thrown === null) return describe(thrown)
  const json = safely(() => JSON.stringify(thrown), undefined)
  if (json === undefined) return describe(thrown)
  return json.length > LONGEST_JSON ? `${json.slice(0, LONGEST_JSON)}…` : json
}

function textOf(value: unknown, otherwise: string): string {
  if (typeof value === 'string') return value
  return value === undefined ? otherwise : describe(value)
}

function has(thing: object, key: string): boolean {
  return safely(() => key in thing, false)
}

function read(thing: object, key: string): unknown {
  return safely<unknown>(() => Reflect.get(thing, key), undefined)
}

function safely<T>(look: () => T, otherwise: T): T {
  try {
    return look()
  } catch {
    // A getter or a proxy trap of what was thrown threw itself. There is an error to report already, and it is not this one.
    return otherwise
  }
}

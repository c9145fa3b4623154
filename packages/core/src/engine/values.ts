import { createHash } from 'node:crypto'
import { DevalueError, parse, stringify } from 'devalue'
import { NotSerializableError, WorkflowError } from '../contract/errors.ts'
import { describe } from '../domain/describe.ts'
import { MAX_BIGINT_BITS, MAX_DEPTH, MAX_ERRORS_IN_FULL } from '../domain/limits.ts'
import type { ErrorData } from '../domain/serialized-error.ts'
import {
  asError,
  briefErrorData,
  emptyError,
  fillError,
  fromErrorData,
  isError,
  toErrorData,
} from '../domain/serialized-error.ts'
import { reduceInstance, reducerNamed } from './reducers.ts'
import { nestsDeeperThan } from './nesting-depth.ts'
import {
  hasProtoKey,
  HugeBigInt,
  isInstance,
  isPlainOrArray,
  isStackOverflow,
  operations,
  readable,
  Unreadable,
} from './value-operations.ts'

/** A stored payload cannot be read here and now: says nothing about the run, and another worker may manage. */
export class UnreadablePayloadError extends WorkflowError {
  readonly #isForeign: boolean

  /** `isForeign`: it was not written by this encoder, so that trying again is of no use. */
  constructor(message: string, { isForeign = false, ...options }: ErrorOptions & { isForeign?: boolean } = {}) {
    super('CONFIGURATION', message, options)
    this.#isForeign = isForeign
  }

  override get retryable(): boolean {
    return !this.#isForeign
  }
}

/** The app's codec failed, which may be over in a moment: a key server that is away. */
export class CodecFailedError extends UnreadablePayloadError {}

const ACCEPTED =
  'accepted are JSON values, undefined, Date, bigint, Map, Set, RegExp, URL, typed arrays, Error, NaN and ±Infinity, ' +
  'in any nesting, and instances of classes registered with registerReducer'

const LONGEST_PATH = 1_000

/** What one encoding has met so far. */
interface Encoding {
  readonly stacks: boolean
  /** Whether registered classes are looked for; not where the encoding must not depend on users' code. */
  readonly classes: boolean
  /** While trying whether a field of an error can be kept: the errors in it are looked at when their own turn comes. */
  readonly trial: boolean
  errors: number
  metClass: boolean
  /** What becomes of values met in errors, so that a value shared by many errors is tried once. */
  readonly kept: Map<unknown, unknown>
}

/**
 * A value as text: well-formed Unicode without U+0000, the same for the same value. `what` names the value for people:
 * `result`, or `the result of step 'Create user'`; the path in the error begins with that noun: `result.user.save`.
 *
 * @throws NotSerializableError
 */
export function encodeValue(value: unknown, what: string): string {
  return encode(value, what, newEncoding())
}

/** Whatever was thrown as text that decodes to an Error. Never throws: what of it cannot be kept is described instead. */
export function encodeThrown(thrown: unknown): string {
  try {
    return encodeValue(asError(thrown), 'error')
  } catch {
    // Something about the error defeats the encoder (a getter that changes its mind, nesting without end). Its name,
    // message and stack are strings by now, and strings can always be kept.
    return encodeBriefly(thrown)
  }
}

/** As `encodeThrown`, but only name, message, stack and code, cut to some 20,000 characters. */
export function encodeBriefly(thrown: unknown): string {
  return encode(fromErrorData(briefErrorData(thrown)), 'error', { ...newEncoding(), classes: false })
}

/**
 * The value of a text made by `encodeValue`. Runs no code but the revivers of registered classes. `what` names the value
 * for people, and is asked only when there is an error: `the result of step 'Create user'`.
 *
 * @throws UnreadablePayloadError
 */
export function decodeValue(text: string, what?: () => string): unknown {
  try {
    return parse(text, newRevivers())
  } catch (error) {
    if (error instanceof UnreadablePayloadError) {
      throw what === undefined ? error : new UnreadablePayloadError(`${what()} cannot be read: ${error.message}`)
    }
    throw new UnreadablePayloadError(
      `${what?.() ?? 'a stored value'} cannot be read: it was not written by this encoder, or the codec that wrote it was another one`,
      { cause: error, isForeign: true },
    )
  }
}

/** A short fingerprint: 128 bits of SHA-256 in hex. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

/** The digest of an encoded value. Stacks of errors do not count: they name files and lines, which any deploy changes. */
export function digestOfValue(value: unknown, text: string): string {
  return digest(text.includes('["Error",') ? encode(value, 'value', { ...newEncoding(), stacks: false }) : text)
}

function encode(value: unknown, what: string, encoding: Encoding): string {
  let text: string
  try {
    text = stringify(value, newReducers(encoding), { operations })
  } catch (error) {
    throw refusal(error, what)
  }
  if (nestsDeeperThan(MAX_DEPTH, text)) throw tooDeep(what)
  // A class instance that contains itself encodes but cannot be revived, and a reviver may be wrong: both are the
  // fault of the step at hand, and after it is recorded nobody could read it.
  if (encoding.metClass) proveReadable(text, what)
  return text
}

function newEncoding(): Encoding {
  return { stacks: true, classes: true, trial: false, errors: 0, metClass: false, kept: new Map() }
}

function newReducers(encoding: Encoding): Record<string, (thing: unknown) => unknown> {
  return {
    Class: (thing) => {
      if (!encoding.classes || isPlainOrArray(thing) || Unreadable.reasonOf(thing) !== null) return false
      const reduced = readable(() => reduceInstance(thing))
      if (reduced !== null) encoding.metClass = true
      return reduced
    },
    Error: (thing) =>
      !isPlainOrArray(thing) && isError(thing) && (encoding.trial ? { trial: true } : reduceError(thing, encoding)),
    // A key named __proto__ is data like any other (JSON.parse makes such keys), but not safe as a property while decoding.
    Entries: (thing) =>
      hasProtoKey(thing) && [
        Object.getPrototypeOf(thing) === null,
        ...Object.keys(thing).flatMap((key) => [key, operations.get(thing, key)]),
      ],
  }
}

function reduceError(error: Error, encoding: Encoding): ErrorData {
  encoding.errors += 1
  if (encoding.errors > MAX_ERRORS_IN_FULL) return withoutStack(briefErrorData(error), encoding)
  const data = withoutStack(toErrorData(error), encoding)
  return {
    ...data,
    ...('cause' in data && { cause: keep(data.cause, encoding) }),
    ...(data.errors !== undefined && { errors: data.errors.map((part) => keep(part, encoding)) }),
    ...(data.fields !== undefined && {
      fields: Object.fromEntries(Object.entries(data.fields).map(([key, field]) => [key, keep(field, encoding)])),
    }),
  }
}

function withoutStack(data: ErrorData, encoding: Encoding): ErrorData {
  if (encoding.stacks) return data
  const { stack: _, ...rest } = data
  return rest
}

/** A value inside an error as it can be kept: itself, or a description. An error must be recordable whatever it carries. */
function keep(value: unknown, encoding: Encoding): unknown {
  if (isError(value)) return value
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'function' || typeof value === 'symbol' ? `[${describe(value)}]` : value
  }
  if (!encoding.kept.has(value)) encoding.kept.set(value, canBeKept(value) ? value : `[${describe(value)}]`)
  return encoding.kept.get(value)
}

function canBeKept(value: object): boolean {
  try {
    encode(value, 'field', { ...newEncoding(), trial: true })
    return true
  } catch {
    // That it cannot be kept is the answer asked for.
    return false
  }
}

function newRevivers(): Record<string, (data: unknown) => unknown> {
  // An error or an object may contain itself. It is then revived twice: first half-read, from inside itself, then
  // whole, with the same data object both times; both must give the same thing.
  const begun = new Map<object, object>()
  const once = <T extends object>(data: object, begin: () => T): T => {
    const thing = (begun.get(data) as T | undefined) ?? begin()
    begun.set(data, thing)
    return thing
  }
  return {
    BigInt: reviveBigInt,
    Class: (data) => reviveClass(arrayIn(data)),
    Error: (data) => {
      if (!isErrorData(data)) throw new TypeError('not the data of an error')
      const error = once(data, () => emptyError(data.type))
      fillError(error, data)
      return error
    },
    Entries: (input) => {
      const data = arrayIn(input)
      const object = once(data, () => (data[0] === true ? Object.create(null) : {}) as object)
      for (let index = 1; index < data.length && index + 1 in data; index += 2) {
        Object.defineProperty(object, String(data[index]), {
          value: data[index + 1],
          enumerable: true,
          writable: true,
          configurable: true,
        })
      }
      return object
    },
  }
}

/** Digits that no encoder here wrote would keep this process busy for as long as whoever wrote them likes. */
function reviveBigInt(digits: unknown): bigint {
  if (typeof digits !== 'string' || digits.length > MAX_BIGINT_BITS / 3)
    throw new TypeError('not the digits of a bigint')
  return BigInt(digits)
}

function arrayIn(data: unknown): readonly unknown[] {
  if (!Array.isArray(data)) throw new TypeError('not a list')
  return data
}

function isErrorData(data: unknown): data is ErrorData {
  return typeof data === 'object' && data !== null && 'name' in data && 'message' in data
}

function reviveClass(data: readonly unknown[]): unknown {
  const name = String(data[0])
  if (!(1 in data)) throw new UnreadablePayloadError(`an instance of the registered class '${name}' contains itself`)
  const reducer = reducerNamed(name)
  if (reducer === undefined) {
    throw new UnreadablePayloadError(
      `a stored value holds an instance of '${name}', which this process does not know: register it with registerReducer('${name}', …) here too`,
    )
  }
  return reducer.revive(data[1])
}

function proveReadable(text: string, what: string): void {
  try {
    decodeValue(text)
  } catch (error) {
    const why =
      error instanceof UnreadablePayloadError && error.cause === undefined
        ? error.message
        : 'a reviver of a registered class failed'
    throw refused({ what, path: rootOf(what), why: `it could not be read back: ${why}`, cause: error })
  }
}

function refusal(error: unknown, what: string): NotSerializableError {
  const root = rootOf(what)
  if (isInstance(error, DevalueError)) {
    const path = cut(`${root}${error.path}`)
    const unreadable = Unreadable.reasonOf(error.value)
    if (unreadable !== null) return refused({ what, path, why: 'reading it threw an error', cause: unreadable.reason })
    return refused({ what, path, why: `it is ${found(error)}; ${ACCEPTED}` })
  }
  if (isStackOverflow(error)) return tooDeep(what)
  if (isInstance(error, HugeBigInt)) {
    return refused({ what, path: root, why: `it holds a bigint of more than ${MAX_BIGINT_BITS} bits` })
  }
  return refused({ what, path: root, why: `reading it threw an error; ${ACCEPTED}`, cause: error })
}

function tooDeep(what: string): NotSerializableError {
  return refused({ what, path: rootOf(what), why: `it is nested more than ${MAX_DEPTH} levels deep` })
}

function refused({
  what,
  path,
  why,
  ...options
}: { what: string; path: string; why: string } & ErrorOptions): NotSerializableError {
  const place = what === rootOf(what) ? path : `${what}: ${path}`
  return new NotSerializableError(path, `${place} cannot be kept: ${why}`, options)
}

/** Keys may be of any length; what is said about them is not. */
function cut(path: string): string {
  return path.length > LONGEST_PATH ? `${path.slice(0, LONGEST_PATH)}…` : path
}

/** The noun a path begins with: `result` of "the result of step 'x'", `output` of "the workflow's output". */
function rootOf(what: string): string {
  return /^(?:the )?(?:\w+'s )?(\w+)(?: of |$)/.exec(what)?.[1] ?? 'value'
}

function found(error: DevalueError): string {
  const description = describe(error.value)
  if (error.message.includes('symbolic keys')) return 'an object with keys that are symbols'
  return description === 'a promise' ? 'a promise (is an await missing?)' : description
}

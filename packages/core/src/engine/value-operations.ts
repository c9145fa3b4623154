import type { StringifyOperations } from 'devalue'
import { defaultStringifyOperations as defaults } from 'devalue'
import { MAX_BIGINT_BITS } from '../domain/limits.ts'

/** Stands for what could not be read because that threw, so that the encoder meets it, refuses it and says where it is. */
export class Unreadable {
  readonly #reason: unknown
  constructor(reason: unknown) {
    this.#reason = reason
  }

  /** What was thrown, if `thing` is one of these. By the private field: `instanceof` would run the traps of a proxy. */
  static reasonOf(thing: unknown): { readonly reason: unknown } | null {
    return typeof thing === 'object' && thing !== null && #reason in thing ? { reason: thing.#reason } : null
  }
}

/** What `read` returns, or an `Unreadable` with what it threw. */
export function readable<T>(read: () => T): T | Unreadable {
  try {
    return read()
  } catch (error) {
    if (isStackOverflow(error)) throw error
    return new Unreadable(error)
  }
}

/** Whether the stack is used up: the fault of how deep the value is, not of the place where it happened. */
export function isStackOverflow(error: unknown): boolean {
  return isInstance(error, RangeError) && error.message.includes('call stack')
}

/** As `instanceof`, for things that may be proxies with traps that throw. */
export function isInstance<T>(thing: unknown, Class: new (...args: never) => T): thing is T {
  try {
    return thing instanceof Class
  } catch {
    // Whatever it is, it is not something of ours.
    return false
  }
}

/** `look`, or `otherwise` when a proxy trap or a getter of the value at hand throws. */
function safely<T>(look: () => T, otherwise: T): T {
  try {
    return look()
  } catch (error) {
    if (isStackOverflow(error)) throw error
    return otherwise
  }
}

// Not Array: rows of a query are often a subclass of it, and as plain arrays nothing of them is lost.
const EXACT_KINDS: ReadonlySet<string> = new Set([
  'ArrayBuffer',
  'BigInt',
  'Boolean',
  'DataView',
  'Date',
  'Map',
  'Number',
  'RegExp',
  'Set',
  'String',
  'URL',
  'URLSearchParams',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Float16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
])

/** Primitives, plain objects and arrays: nearly everything there is, and nothing that could need a reducer. */
export function isPlainOrArray(thing: unknown): boolean {
  if (typeof thing !== 'object' || thing === null) return true
  // A revoked proxy is left to the encoder, which refuses it with its path.
  const prototype = safely<unknown>(() => Object.getPrototypeOf(thing), null)
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null
}

/** Whether a plain object has a key named `__proto__`. */
export function hasProtoKey(thing: unknown): thing is object {
  if (typeof thing !== 'object' || thing === null || Array.isArray(thing) || !isPlainOrArray(thing)) return false
  return safely(() => Object.hasOwn(thing, '__proto__'), false)
}

/** The value holds a bigint that is too large to be written down in reasonable time. */
export class HugeBigInt extends RangeError {}

/** @throws HugeBigInt */
function assertBounded(value: bigint): void {
  const beyond = value >> BigInt(MAX_BIGINT_BITS)
  if (beyond !== 0n && beyond !== -1n) throw new HugeBigInt()
}

/** How the encoder looks at values: like its defaults, but no hostile value gets out of it without a path. */
export const operations = {
  get: (thing: object, key: string | number): unknown => readable<unknown>(() => Reflect.get(thing, key)),

  toPrimitive: (
    thing: Parameters<StringifyOperations['toPrimitive']>[0],
  ): ReturnType<StringifyOperations['toPrimitive']> => {
    if (typeof thing === 'bigint') assertBounded(thing)
    return defaults.toPrimitive(thing)
  },

  isThenable: (thing: object): boolean => typeof operations.get(thing, 'then') === 'function',

  // What cannot be looked at is an 'Object' here and not plain below: refused, with its path.
  tagOf: (thing: object): string =>
    safely(() => {
      if (Array.isArray(thing)) return 'Array'
      if (isPlainOrArray(thing)) return 'Object'
      const tag = defaults.tagOf(thing)
      // A subclass of Map would come back as a Map without its methods: refused like any other class instance.
      return EXACT_KINDS.has(tag) && !isExactly(thing, tag) ? 'Object' : tag
    }, 'Object'),

  shapeOf: (thing: object): ReturnType<StringifyOperations['shapeOf']> =>
    safely<ReturnType<StringifyOperations['shapeOf']>>(() => defaults.shapeOf(thing), { kind: 'not-plain' }),

  viewInfo: (view: object): ReturnType<StringifyOperations['viewInfo']> => {
    const info = defaults.viewInfo(view)
    if (info.byteLength === info.bufferByteLength) return info
    // Only the bytes in sight: the rest of the buffer may be a pool full of other people's data.
    const buffer = info.buffer.slice(info.byteOffset, info.byteOffset + info.byteLength)
    return { ...info, buffer, byteOffset: 0, bufferByteLength: info.byteLength }
  },
}

function isExactly(thing: object, tag: string): boolean {
  const prototype: unknown = Object.getPrototypeOf(thing)
  const constructor: unknown = Reflect.get(Object(prototype), 'constructor')
  const name: unknown = typeof constructor === 'function' ? constructor.name : undefined
  return name === tag || (tag === 'Uint8Array' && name === 'Buffer')
}

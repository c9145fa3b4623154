import type { StringifyOperations } from 'devalue'
import { defaultStringifyOperations as defaults } from 'devalue'

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
    return new Unreadable(error)
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
  try {
    const prototype: unknown = Object.getPrototypeOf(thing)
    return prototype === Object.prototype || prototype === Array.prototype || prototype === null
  } catch {
    // A revoked proxy. Left to the encoder, which refuses it with its path.
    return true
  }
}

/** Whether a plain object has a key named `__proto__`. */
export function hasProtoKey(thing: unknown): thing is object {
  if (typeof thing !== 'object' || thing === null || Array.isArray(thing) || !isPlainOrArray(thing)) return false
  try {
    return Object.hasOwn(thing, '__proto__')
  } catch {
    // A proxy trap threw. Left to the encoder, which refuses it with its path.
    return false
  }
}

/** How the encoder looks at values: like its defaults, but no hostile value gets out of it without a path. */
export const operations = {
  get: (thing: object, key: string | number): unknown => readable<unknown>(() => Reflect.get(thing, key)),

  isThenable: (thing: object): boolean => typeof operations.get(thing, 'then') === 'function',

  tagOf: (thing: object): string => {
    try {
      if (Array.isArray(thing)) return 'Array'
      if (isPlainOrArray(thing)) return 'Object'
      const tag = defaults.tagOf(thing)
      // A subclass of Map would come back as a Map without its methods: refused like any other class instance.
      return EXACT_KINDS.has(tag) && !isExactly(thing, tag) ? 'Object' : tag
    } catch {
      // A proxy trap or a toStringTag getter threw; as an 'Object' it is refused below, with its path.
      return 'Object'
    }
  },

  shapeOf: (thing: object): ReturnType<StringifyOperations['shapeOf']> => {
    try {
      return defaults.shapeOf(thing)
    } catch {
      return { kind: 'not-plain' }
    }
  },

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

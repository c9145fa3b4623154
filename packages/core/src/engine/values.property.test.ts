import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NotSerializableError } from '../contract/errors.ts'
import { isStorable } from '../domain/names.ts'
import { decodeValue, encodeThrown, encodeValue } from './values.ts'

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.nat(0xffff), { maxLength: 12 }).map((units) => String.fromCharCode(...units)),
  fc.constantFrom('__proto__', 'constructor', 'then', 'Error', 'Date', '-1', 'a\0', '\ud800'),
)

const anyValue = fc.anything({
  key: anyText.filter((key) => key !== '__proto__'),
  values: [
    anyText, fc.double(), fc.maxSafeInteger(), fc.bigInt(), fc.boolean(), fc.constant(null), fc.constant(undefined),
    fc.date({ noInvalidDate: true }), fc.uint8Array(), fc.float64Array(), fc.bigInt64Array(), fc.int16Array(),
    anyText.map((text) => new RegExp(text.replaceAll(/[^\w\n/]/g, '.'), 'gu')),
    fc.webUrl().map((url) => new URL(url)),
  ],
  maxDepth: 4,
  withMap: true,
  withSet: true,
  withSparseArray: true,
  withBoxedValues: true,
  withNullPrototype: true,
}) // prettier-ignore

test('every value comes back as it was, through text any store keeps', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const text = encodeValue(value, 'result')
      expect(isStorable(text)).toBe(true)
      const back = decodeValue(text)
      expect(isDeepStrictEqual(back, value)).toBe(true)
      // The same text again: digests of what was stored and of what was given agree.
      expect(encodeValue(back, 'result')).toBe(text)
    }),
    { numRuns: 1_000 },
  )
})

/** A graph of containers and errors that refer to each other at random: shared, cyclic, through errors and odd keys. */
const anyGraph = fc
  .array(
    fc.record({
      kind: fc.constantFrom('array', 'object', 'map', 'set', 'error', 'aggregate', 'proto', 'bare'),
      refs: fc.array(fc.nat(30), { maxLength: 4 }),
      text: anyText,
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((plans) => {
    const nodes = plans.map(({ kind, text }): object => {
      if (kind === 'map') return new Map()
      if (kind === 'set') return new Set()
      if (kind === 'array') return [text]
      if (kind === 'error') return Object.assign(new TypeError(text), { code: text })
      if (kind === 'aggregate') return new AggregateError([], text)
      return kind === 'bare' ? Object.create(null) : {}
    })
    plans.forEach(({ kind, refs, text }, index) => {
      const node = nodes[index]
      refs.forEach((ref, place) => {
        const target = nodes[ref % nodes.length]
        if (node instanceof Map) node.set(place % 2 === 0 ? target : text, target)
        else if (node instanceof Set) node.add(target)
        else if (node instanceof AggregateError) node.errors.push(target)
        else if (node instanceof Error && place === 0) node.cause = target
        else if (Array.isArray(node)) node.push(target)
        else if (kind === 'proto' && node !== undefined)
          Object.defineProperty(node, '__proto__', {
            value: target,
            enumerable: true,
            configurable: true,
            writable: true,
          })
        else if (node !== undefined) Reflect.set(node, `r${place}`, target)
      })
    })
    return nodes[0]
  })

test('every graph comes back with the same shape: the same places refer to the same things', () => {
  fc.assert(
    fc.property(anyGraph, (graph) => {
      const text = encodeValue(graph, 'result')
      expect(isStorable(text)).toBe(true)
      // The text numbers things in the order they are met, so equal texts are equal graphs.
      expect(encodeValue(decodeValue(text), 'result')).toBe(text)
    }),
    { numRuns: 2_000 },
  )
  expect('polluted' in {}).toBe(false)
})

test('the path leads to what cannot be kept', () => {
  const key = anyText.filter((text) => text !== '__proto__' && text !== 'then' && text !== 'bad')
  fc.assert(
    fc.property(fc.array(fc.oneof(key, fc.nat(5)), { maxLength: 6 }), anyValue, (way, other) => {
      const bad = () => 1
      const value = way.reduceRight<unknown>(
        (inner, at) => (typeof at === 'number' ? [...Array(at).fill(other), inner] : { bad: other, [at]: inner }),
        bad,
      )
      const expected = way
        .map((at) =>
          typeof at === 'number' ? `[${at}]` : /^[a-zA-Z_$][\w$]*$/.test(at) ? `.${at}` : `[${JSON.stringify(at)}]`,
        )
        .join('')
      try {
        encodeValue(value, 'result')
        expect.unreachable()
      } catch (error) {
        expect(error).toBeInstanceOf(NotSerializableError)
        expect((error as NotSerializableError).path).toBe(`result${expected}`)
        expect(isStorable((error as NotSerializableError).message)).toBe(true)
      }
    }),
  )
})

const TRAPS = ['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor'] as const

type Make = () => unknown

/**
 * Values whose every look may throw, answer something else the next time, or lie about what they are. As functions that
 * make them: fast-check looks at what it generates.
 */
const anyHostile = fc.letrec<{ make: Make }>((tie) => ({
  make: fc.oneof(
    { maxDepth: 4 },
    anyText.map(
      (text): Make =>
        () =>
          text,
    ),
    fc.constantFrom<Make>(
      () => () => 1,
      () => Symbol('s'),
      () => new WeakMap(),
      () => Promise.resolve(1),
      () => new Date(0),
      () => new Map([[1, 2]]),
    ),
    fc.tuple(fc.subarray([...TRAPS]), tie('make')).map(([traps, make]): Make => () => {
      const inner = make()
      const fail = () => {
        throw new Error('trap')
      }
      const handler = Object.fromEntries(traps.map((trap) => [trap, fail]))
      return new Proxy(typeof inner === 'object' && inner !== null ? inner : { inner }, handler)
    }),
    tie('make').map((make): Make => () => ({
      get again() {
        return make()
      },
      get never(): unknown {
        throw make()
      },
    })),
    fc
      .tuple(
        fc.constantFrom('Date', 'Map', 'Set', 'Array', 'Error', 'URL', 'Uint8Array', 'RegExp', 'Object'),
        tie('make'),
      )
      .map(
        ([tag, make]): Make =>
          () =>
            Object.assign(Object.create({ [Symbol.toStringTag]: tag }), { inner: make() }),
      ),
    fc.array(tie('make'), { maxLength: 3 }).map(
      (makes): Make =>
        () =>
          makes.map((make) => make()),
    ),
    fc.tuple(tie('make'), tie('make')).map(
      ([cause, field]): Make =>
        () =>
          Object.assign(new Error('x', { cause: cause() }), { field: field() }),
    ),
    tie('make').map((make): Make => () => {
      const inner = make()
      return Object.create(typeof inner === 'object' ? inner : null)
    }),
    tie('make').map((make): Make => {
      let looks = 0
      return () => ({
        get fickle() {
          looks += 1
          return looks % 3 === 0 ? make() : looks % 2 === 0 ? () => 1 : 1
        },
      })
    }),
  ),
})).make

test('hostile values are kept or refused, nothing else', () => {
  fc.assert(
    fc.property(anyHostile, (make) => {
      const value = make()
      try {
        const text = encodeValue(value, 'result')
        expect(isStorable(text)).toBe(true)
        decodeValue(text)
      } catch (error) {
        expect(error).toBeInstanceOf(NotSerializableError)
      }
    }),
    { numRuns: 1_000 },
  )
})

test('whatever is thrown is recorded, and read back as an Error', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        anyHostile,
        anyValue.map(
          (value): Make =>
            () =>
              value,
        ),
        anyGraph.map(
          (graph): Make =>
            () =>
              graph,
        ),
      ),
      (make) => {
        const text = encodeThrown(make())
        expect(isStorable(text)).toBe(true)
        expect(decodeValue(text)).toBeInstanceOf(Error)
      },
    ),
    { numRuns: 1_000 },
  )
})

test('text from elsewhere is read or refused, and pollutes nothing', () => {
  const ref = fc.oneof(fc.integer({ min: -8, max: 6 }), anyText, fc.constant(1e9))
  const tag = fc.constantFrom(
    'Date',
    'Map',
    'Set',
    'Error',
    'Class',
    'Entries',
    'null',
    'Object',
    'URL',
    'RegExp',
    'BigInt',
    'Uint8Array',
    'ArrayBuffer',
    '__proto__',
  )
  const part = fc.oneof(
    anyText,
    fc.integer(),
    fc.array(ref, { maxLength: 4 }),
    fc.tuple(tag, ref, ref).map((parts) => [...parts]),
    fc.dictionary(
      fc.constantFrom('name', 'message', 'cause', 'errors', 'fields', 'type', '__proto__', 'stack', 'code'),
      ref,
    ),
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 7 }), (parts) => {
      try {
        decodeValue(JSON.stringify(parts))
      } catch (error) {
        expect((error as Error).name).toBe('UnreadablePayloadError')
      }
      expect(Object.keys(Object.prototype)).toEqual([])
      expect(Object.keys(Error.prototype)).toEqual([])
    }),
    { numRuns: 3_000 },
  )
})

import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { NotSerializableError } from '../contract/errors.ts'
import { MAX_DEPTH } from '../domain/limits.ts'
import { registerReducer } from './reducers.ts'
import { decodeValue, encodeThrown, encodeValue, UnreadablePayloadError } from './values.ts'

const through = (value: unknown) => decodeValue(encodeValue(value, 'result'))

function refusal(value: unknown): NotSerializableError {
  try {
    encodeValue(value, 'result')
  } catch (error) {
    if (error instanceof NotSerializableError) return error
    throw error
  }
  throw new Error('the value was accepted')
}

class Money {
  readonly amount: number
  readonly currency: string
  related: unknown
  constructor(amount: number, currency: string) {
    this.amount = amount
    this.currency = currency
  }
}
registerReducer('Money', {
  is: (value) => value instanceof Money,
  reduce: ({ amount, currency, related }) => [amount, currency, related] as const,
  revive: ([amount, currency, related]) => Object.assign(new Money(amount, currency), { related }),
})

describe('what is kept', () => {
  const sparse: unknown[] = [1]
  sparse[5] = 2
  const verySparse: unknown[] = []
  verySparse[1_000_000] = 'far'

  const values: readonly (readonly [string, unknown])[] = [
    ['0', 0],
    ['-0', -0],
    ['false', false],
    ['empty text', ''],
    ['null', null],
    ['undefined', undefined],
    ['NaN', Number.NaN],
    ['Infinity', Infinity],
    ['-Infinity', -Infinity],
    ['largest number', Number.MAX_VALUE],
    ['smallest number', Number.MIN_VALUE],
    ['2^53 + 2', 2 ** 53 + 2],
    ['bigint', 2n ** 70n],
    ['negative bigint', -5n],
    ['empty array', []],
    ['array starting with a boolean', [true, 1]],
    ['array starting with a Date', [new Date(0), 1]],
    ['empty object', {}],
    ['undefined member', { a: undefined }],
    ['Date', new Date('2026-02-28T12:00:00.123Z')],
    ['far Date', new Date(8.64e15)],
    ['early Date', new Date(-8.64e15)],
    ['Map', new Map<unknown, unknown>([[{ k: 1 }, new Map([[Number.NaN, -0]])]])],
    ['Set', new Set([1, 'a', new Set([undefined])])],
    ['RegExp', /a\/b[\n"]\u2028/giu],
    ['URL', new URL('https://user:pw@example.com/p?q=%00#f')],
    ['URLSearchParams', new URLSearchParams('a=1&a=2')],
    ['Uint8Array', new Uint8Array([0, 127, 255])],
    ['empty Uint8Array', new Uint8Array()],
    ['Float64Array', new Float64Array([-0, Number.NaN, 1e300])],
    ['BigInt64Array', new BigInt64Array([-1n, 2n ** 62n])],
    ['Int16Array', new Int16Array([-2, 3])],
    ['DataView', new DataView(new Uint8Array([1, 2, 3]).buffer)],
    ['ArrayBuffer', new Uint8Array([1, 2, 3]).buffer],
    ['null prototype', Object.assign(Object.create(null), { a: 1 })],
    ['boxed number', Object(5)],
    ['U+0000', 'a\0b'],
    ['lone surrogates', '\ud800 \udfff'],
    ['hostile keys', { 'a\0': 1, '\ud800': 2, '': 3, constructor: 4, toString: 5, Error: ['Error', 1] }],
    ['line separators', '\u2028\u2029</script>'],
    ['noncharacters', '\uffff\ufffe\ufeff'],
    ['arrays that look like tags', [['Date', 'x'], ['Error', 5], ['Class', 1], [-7, 1, 2], -1, -2]],
    ['sparse array', sparse],
    ['very sparse array', verySparse],
  ]

  test.each(values)('%s, at the top and nested', (_, value) => {
    expect(isDeepStrictEqual(through(value), value)).toBe(true)
    const nested = { deep: [new Map([['k', value]])], set: new Set([value]) }
    expect(isDeepStrictEqual(through(nested), nested)).toBe(true)
  })

  test('F27, F28, F29, F30, F31: each is itself and nothing similar', () => {
    expect(through(undefined)).toBeUndefined()
    expect(Object.is(through(-0), -0)).toBe(true)
    expect(Object.keys(through({ a: undefined }) as object)).toEqual(['a'])
    expect(Object.hasOwn(through(sparse) as object, 3)).toBe(false)
    expect(through(new Date(Number.NaN))).toBeInstanceOf(Date)
    expect(Number.isNaN((through({ d: new Date('x') }) as { d: Date }).d.getTime())).toBe(true)
    expect(Object.getPrototypeOf(through(Object.create(null)))).toBe(null)
  })

  test('Buffer becomes Uint8Array, and only the bytes in sight are stored', () => {
    const pool = Buffer.from('secret:visible')
    const bytes = Uint8Array.from(Buffer.from('visible'))
    for (const view of [pool.subarray(7), new Uint8Array(pool.buffer, pool.byteOffset + 7, 7)]) {
      const text = encodeValue(view, 'result')
      expect(text).toContain(Buffer.from('visible').toString('base64'))
      expect(text.length).toBeLessThan(100)
      expect(isDeepStrictEqual(decodeValue(text), bytes)).toBe(true)
    }
    const middle = new Float64Array([1, 2, 3]).subarray(1, 2)
    expect(isDeepStrictEqual(through(middle), new Float64Array([2]))).toBe(true)
    const view = new DataView(new Uint8Array([1, 2, 3]).buffer, 1, 1)
    expect((through(view) as DataView).getUint8(0)).toBe(2)
    expect((through(view) as DataView).buffer.byteLength).toBe(1)
  })

  test('shared and cyclic references', () => {
    const shared = { n: 1 }
    const cyclic: Record<string, unknown> = { a: shared, b: shared, list: [] }
    cyclic['self'] = cyclic
    ;(cyclic['list'] as unknown[]).push(cyclic['list'], new Map([[cyclic, cyclic]]))
    const back = through(cyclic) as typeof cyclic
    expect(back['a']).toBe(back['b'])
    expect(back['self']).toBe(back)
    const list = back['list'] as [unknown, Map<unknown, unknown>]
    expect(list[0]).toBe(list)
    expect(list[1].get(back)).toBe(back)
  })

  test('rows of a query (a subclass of Array) are kept as an array', () => {
    class Result extends Array<unknown> {
      command = 'SELECT'
    }
    const rows = through(Result.from([{ id: 1 }]))
    expect(Object.getPrototypeOf(rows)).toBe(Array.prototype)
    expect(rows).toEqual([{ id: 1 }])
  })

  test('a key named __proto__ is data and pollutes nothing', () => {
    const value: unknown = JSON.parse('{"a":1,"__proto__":{"polluted":true,"__proto__":[2]},"z":{"__proto__":null}}')
    const back = through([value, value])
    expect(JSON.stringify(back)).toBe(JSON.stringify([value, value]))
    const [first, second] = back as [object, object]
    expect(first).toBe(second)
    expect(Object.getPrototypeOf(first)).toBe(Object.prototype)
    expect('polluted' in first || 'polluted' in {}).toBe(false)
    const bare = Object.create(null) as object
    Object.defineProperty(bare, '__proto__', { value: bare, enumerable: true })
    const bareBack = through(bare) as object
    expect(Object.getPrototypeOf(bareBack)).toBe(null)
    expect(Object.getOwnPropertyDescriptor(bareBack, '__proto__')?.value).toBe(bareBack)
  })
})

describe('what is refused', () => {
  test('names the path', () => {
    class User {}
    const paths = [
      { user: { save() {} } },
      [1, [Symbol('s')]],
      { 'a b': new User() },
      { map: new Map([['key', { f() {} }]]) },
      { set: new Set([{ f() {} }]) },
      { p: Promise.resolve() },
      { then() {} },
      { [Symbol('k')]: 1 },
      { get broken(): never { throw new Error('no') } },
      { w: new WeakMap() },
      { g: (function* () {})() },
      { m: new (class Registry extends Map {})() },
      { d: new (class Day extends Date {})() },
      { s: new SharedArrayBuffer(4) },
      () => 1,
    ].map((value) => refusal(value).path) // prettier-ignore
    expect(paths).toMatchInlineSnapshot(`
      [
        "result.user.save",
        "result[1][0]",
        "result["a b"]",
        "result.map.get("key").f",
        "result.set.f",
        "result.p",
        "result",
        "result",
        "result.broken",
        "result.w",
        "result.g",
        "result.m",
        "result.d",
        "result.s",
        "result",
      ]
    `)
  })

  test('names the value for people, and the path by its noun', () => {
    const say = (what: string) => {
      try {
        return encodeValue({ user: { save() {} } }, what)
      } catch (error) {
        return error instanceof NotSerializableError ? [error.path, error.message.split(';')[0]] : error
      }
    }
    const names = [
      'result',
      "the result of step 'it's of me'",
      "the workflow's output",
      "the input of workflow 'a'",
      "'???'",
    ]
    expect(names.map(say)).toMatchInlineSnapshot(`
      [
        [
          "result.user.save",
          "result.user.save cannot be kept: it is a function 'save'",
        ],
        [
          "result.user.save",
          "the result of step 'it's of me': result.user.save cannot be kept: it is a function 'save'",
        ],
        [
          "output.user.save",
          "the workflow's output: output.user.save cannot be kept: it is a function 'save'",
        ],
        [
          "input.user.save",
          "the input of workflow 'a': input.user.save cannot be kept: it is a function 'save'",
        ],
        [
          "value.user.save",
          "'???': value.user.save cannot be kept: it is a function 'save'",
        ],
      ]
    `)
  })

  test('says what was found and what is accepted', () => {
    class User {}
    expect(refusal({ user: { save() {} } }).message).toMatchInlineSnapshot(
      `"result.user.save cannot be kept: it is a function 'save'; accepted are JSON values, undefined, Date, bigint, Map, Set, RegExp, URL, typed arrays, Error, NaN and ±Infinity, in any nesting, and instances of classes registered with registerReducer"`,
    )
    expect(refusal({ user: new User() }).message).toMatchInlineSnapshot(
      `"result.user cannot be kept: it is an instance of User; accepted are JSON values, undefined, Date, bigint, Map, Set, RegExp, URL, typed arrays, Error, NaN and ±Infinity, in any nesting, and instances of classes registered with registerReducer"`,
    )
    expect(refusal({ user: Promise.resolve(1) }).message).toMatchInlineSnapshot(
      `"result.user cannot be kept: it is a promise (is an await missing?); accepted are JSON values, undefined, Date, bigint, Map, Set, RegExp, URL, typed arrays, Error, NaN and ±Infinity, in any nesting, and instances of classes registered with registerReducer"`,
    )
    expect(refusal({ [Symbol('k')]: 1 }).message).toMatchInlineSnapshot(
      `"result cannot be kept: it is an object with keys that are symbols; accepted are JSON values, undefined, Date, bigint, Map, Set, RegExp, URL, typed arrays, Error, NaN and ±Infinity, in any nesting, and instances of classes registered with registerReducer"`,
    )
    expect(refusal({ get user(): never { throw new Error('no') } }).message).toMatchInlineSnapshot(`"result.user cannot be kept: reading it threw an error"`) // prettier-ignore
  })

  test('what lies too deep to be read back in another process', () => {
    const nest = (levels: number, wrap: (inner: unknown) => unknown) => {
      let value: unknown = 1
      for (let level = 0; level < levels; level++) value = wrap(value)
      return value
    }
    const wraps = [
      (v: unknown) => [v],
      (v: unknown) => ({ v }),
      (v: unknown) => new Map([[1, v]]),
      (v: unknown) => new Set([v]),
    ]
    for (const wrap of wraps) {
      expect(() => through(nest(MAX_DEPTH, wrap))).not.toThrow()
      expect(refusal(nest(MAX_DEPTH + 2, wrap)).message).toMatch(/more than 1000 levels deep/)
      expect(refusal(nest(100_000, wrap)).message).toMatch(/more than 1000 levels deep/)
    }
    let deep: unknown = 1
    for (let level = 0; level < MAX_DEPTH - 5; level++) deep = level % 2 === 0 ? new Set([deep]) : { deep }
    const atAnyStackDepth = (left: number): unknown =>
      left === 0 ? encodeValue({ deep }, 'result') : atAnyStackDepth(left - 1)
    for (let used = 0; used < 12_000; used += 61) {
      try {
        expect(atAnyStackDepth(used)).toBe(encodeValue({ deep }, 'result'))
      } catch (error) {
        if (error instanceof NotSerializableError) expect(error.message).toMatch(/nested more than/)
        else expect(error).toBeInstanceOf(RangeError)
      }
    }
    const wide = Array.from({ length: 20_000 }, (_, n) => ({ n, bytes: new Uint8Array([n, n]).subarray(0, 1), sparse: [, n] })) // prettier-ignore
    expect(() => through(wide)).not.toThrow()
  })

  test('hostile values, with their path', () => {
    const fail = () => {
      throw new Error('trap')
    }
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(refusal({ a: proxy }).path).toMatch(/^result/)
    for (const trap of ['get', 'getPrototypeOf', 'ownKeys', 'has', 'getOwnPropertyDescriptor'] as const) {
      const value = { a: new Proxy({ b: 1 }, { [trap]: fail }) }
      try {
        expect(encodeValue(value, 'result')).toContain('"b"')
      } catch (error) {
        expect(error).toBeInstanceOf(NotSerializableError)
        expect((error as NotSerializableError).path).toMatch(/^result\.a/)
      }
    }
    expect(refusal({ d: { [Symbol.toStringTag]: 'Date' } }).path).toBe('result.d')
    const hostileThrow = Object.assign(new Map(), {
      [Symbol.iterator]: () => {
        throw new Proxy(new Error('x'), { getPrototypeOf: fail, get: fail })
      },
    })
    expect(refusal({ hostileThrow }).path).toBe('result')
    class Spoof {
      get [Symbol.toStringTag]() {
        return 'Map'
      }
    }
    expect(refusal({ s: new Spoof() }).path).toBe('result.s')
  })
})

describe('registered classes', () => {
  test('keep their class', () => {
    const back = through({ price: new Money(5, 'EUR') }) as { price: Money }
    expect(back.price).toBeInstanceOf(Money)
    expect(back.price).toEqual(new Money(5, 'EUR'))
    expect(through(Object.assign(new Error('x'), { price: new Money(5, 'EUR') }))).toMatchObject({
      price: new Money(5, 'EUR'),
    })
  })

  test('cannot contain themselves, and say so at once', () => {
    const money = new Money(1, 'EUR')
    money.related = { list: [money] }
    expect(refusal({ money }).message).toMatchInlineSnapshot(
      `"result cannot be kept: it could not be read back: an instance of the registered class 'Money' contains itself"`,
    )
  })

  test('a name is taken once', () => {
    const reducer = {
      is: (value: unknown): value is Date => value instanceof Date,
      reduce: Number,
      revive: (n: number) => new Date(n),
    }
    expect(() => registerReducer('Money', reducer)).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }))
    expect(() => registerReducer('', reducer)).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }))
  })

  test('one that fails is an error of the value, before anything is stored', () => {
    class Broken {}
    registerReducer('Broken', {
      is: (value) => value instanceof Broken,
      reduce: () => 1,
      revive: () => {
        throw new Error('cannot')
      },
    })
    expect(refusal({ a: [new Broken()] }).message).toMatchInlineSnapshot(
      `"result cannot be kept: it could not be read back: a reviver of a registered class failed"`,
    )
    class Stuck {}
    registerReducer('Stuck', {
      is: (value) => value instanceof Stuck,
      reduce: () => {
        throw new Error('cannot')
      },
      revive: () => new Stuck(),
    })
    expect(refusal({ a: new Stuck() }).cause).toEqual(new Error('cannot'))
    expect(decodeValue(encodeThrown(Object.assign(new Error('x'), { a: new Stuck() })))).toMatchObject({
      message: 'x',
      a: '[an instance of Stuck]',
    })
  })

  test('one this process lacks is named', () => {
    const text = encodeValue(new Money(1, 'EUR'), 'x').replace('"Money"', '"Cash"')
    expect(() => decodeValue(text)).toThrow(UnreadablePayloadError)
    expect(() => decodeValue(text)).toThrow(/an instance of 'Cash', which this process does not know/)
  })
})

describe('decodeValue', () => {
  test('text of somebody else is one clear error', () => {
    const hostile = [
      '', '{', 'null', '"x"', '[]', '{}', '-7', '5', '[["Nope",1]]', '[{"__proto__":1},{"polluted":1}]', '[["Error",1],5]', '[["Error",0]]',
      '[["Class",1],5]', '[["Class",1],["Money"]]', '[["Entries",1],{}]', '[["null","__proto__",1],1]', '[[-7,4294967296,0,1]]', '[["Uint8Array",1],1e9]',
    ] // prettier-ignore
    for (const text of hostile) expect(() => decodeValue(text), text).toThrow(UnreadablePayloadError)
    expect('polluted' in {}).toBe(false)
  })
})

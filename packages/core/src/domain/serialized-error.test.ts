import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NonRetryableError, RetryableError, WorkflowError } from '../contract/errors.ts'
import { asError, briefErrorData, fromErrorData, isError, toErrorData } from './serialized-error.ts'

const revived = (thrown: unknown) => fromErrorData(toErrorData(thrown))

describe('an Error', () => {
  test('F32: keeps name, message, stack, code, cause and custom fields', () => {
    class PaymentError extends Error {
      override name = 'PaymentError'
      readonly code = 'CARD_DECLINED'
      readonly attempt = { last4: '4242', at: new Date(5) }
    }
    const original = new PaymentError('declined', { cause: new TypeError('inner') })
    const error = revived(original)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      name: 'PaymentError',
      message: 'declined',
      code: 'CARD_DECLINED',
      attempt: { last4: '4242', at: new Date(5) },
    })
    expect(error.stack).toBe(original.stack)
    expect(error.cause).toBe(original.cause)
    expect(Object.keys(error).toSorted()).toEqual(['attempt', 'code'])
  })

  test.each([EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError])(
    '%o comes back as one',
    (Standard) => {
      const error = revived(new Standard('x'))
      expect(error).toBeInstanceOf(Standard)
      expect(error.name).toBe(Standard.name)
      expect(Object.hasOwn(error, 'name')).toBe(false)
    },
  )

  test('of a subclass of a standard class is an instance of that class, under its own name', () => {
    class BadPort extends RangeError {
      override name = 'BadPort'
    }
    const error = revived(new BadPort('70000'))
    expect(error).toBeInstanceOf(RangeError)
    expect(`${error}`).toBe('BadPort: 70000')
  })

  test('AggregateError keeps its errors', () => {
    const parts = [new Error('a'), 'b']
    const error = revived(new AggregateError(parts, 'both'))
    expect(error).toBeInstanceOf(AggregateError)
    expect(error).toMatchObject({ message: 'both', errors: parts })
    expect(Object.keys(error)).toEqual([])
  })

  test('NonRetryableError and RetryableError keep what they say', () => {
    const declined = revived(new NonRetryableError('no', { cause: 'bank' }))
    expect(declined).toBeInstanceOf(NonRetryableError)
    expect(declined).toMatchObject({ name: 'NonRetryableError', retryable: false, cause: 'bank' })
    const limited = revived(new RetryableError('slow down', { retryAfter: '30s' }))
    expect(limited).toBeInstanceOf(RetryableError)
    expect(limited).toMatchObject({ name: 'RetryableError', retryAfter: '30s', message: 'slow down' })
  })

  test('errors of this product are told by their code', () => {
    expect(WorkflowError.is(revived(new WorkflowError('RUN_CANCELLED', 'x')), 'RUN_CANCELLED')).toBe(true)
  })

  test('of another realm is an error too', () => {
    const error: unknown = runInNewContext('Object.assign(new TypeError("far"), { code: 7 })')
    expect(error instanceof Error).toBe(false)
    expect(isError(error)).toBe(true)
    expect(revived(error)).toBeInstanceOf(TypeError)
    expect(revived(error)).toMatchObject({ message: 'far', code: 7 })
  })

  test('an aborted signal keeps its name', () => {
    expect(revived(AbortSignal.abort().reason)).toMatchObject({ name: 'AbortError', code: 20 })
  })

  test('a code that is not plain, and errors that are not parts, are fields like others', () => {
    const error = Object.assign(new Error('x'), { code: { n: 1 }, errors: ['not an aggregate'] })
    expect(toErrorData(error).fields).toEqual({ code: { n: 1 }, errors: ['not an aggregate'] })
    expect(revived(error)).toMatchObject({ code: { n: 1 }, errors: ['not an aggregate'] })
  })

  test('cause: undefined is a cause', () => {
    expect('cause' in revived(new Error('x', { cause: undefined }))).toBe(true)
    expect('cause' in revived(new Error('x'))).toBe(false)
  })

  test('without a stack gets none of this process', () => {
    const error = new Error('x')
    delete error.stack
    expect(revived(error).stack).toBe('Error: x')
  })

  test('keys that are no ordinary properties change nothing but the error', () => {
    const error = new Error('x')
    Object.defineProperty(error, '__proto__', { value: { polluted: true }, enumerable: true })
    Object.assign(error, { constructor: 'c', toString: 't', hasOwnProperty: 'h' })
    const back = revived(error)
    expect(back).toBeInstanceOf(Error)
    expect(Object.getPrototypeOf(back)).toBe(Error.prototype)
    expect('polluted' in {}).toBe(false)
    expect(Object.getOwnPropertyDescriptor(back, 'toString')?.value).toBe('t')
  })
})

describe('anything else thrown', () => {
  const show = (thrown: unknown) => {
    const error = revived(thrown)
    return [error.name, error.message]
  }

  test('F32: becomes an Error that says it and carries it', () => {
    const values = [
      'text',
      '',
      null,
      undefined,
      42,
      -0,
      5n,
      true,
      { code: 'E', message: 'm' },
      ['a', 1],
      Symbol('s'),
      function save() {},
      new Map(),
      new Date(0),
    ]
    for (const value of values) expect(Object.getOwnPropertyDescriptor(revived(value), 'thrown')?.value).toBe(value)
    expect(values.map(show)).toMatchInlineSnapshot(`
      [
        [
          "Error",
          "text",
        ],
        [
          "Error",
          "",
        ],
        [
          "Error",
          "null",
        ],
        [
          "Error",
          "undefined",
        ],
        [
          "Error",
          "42",
        ],
        [
          "Error",
          "-0",
        ],
        [
          "Error",
          "5n",
        ],
        [
          "Error",
          "true",
        ],
        [
          "Error",
          "{"code":"E","message":"m"}",
        ],
        [
          "Error",
          "["a",1]",
        ],
        [
          "Error",
          "a symbol 's'",
        ],
        [
          "Error",
          "a function 'save'",
        ],
        [
          "Error",
          "{}",
        ],
        [
          "Error",
          ""1970-01-01T00:00:00.000Z"",
        ],
      ]
    `)
  })

  test('long JSON is cut, and what has none is described', () => {
    expect(revived({ text: 'x'.repeat(5_000) }).message).toHaveLength(1_001)
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    expect(show(cyclic)).toEqual(['Error', 'an object'])
  })

  test('asError leaves errors alone', () => {
    const error = new Error('x')
    expect(asError(error)).toBe(error)
    expect(asError('x')).toMatchObject({ message: 'x', thrown: 'x' })
  })
})

describe('hostile values', () => {
  const fail = () => {
    throw new Error('trap')
  }
  const traps: ProxyHandler<object> = {
    get: fail,
    has: fail,
    ownKeys: fail,
    getPrototypeOf: fail,
    getOwnPropertyDescriptor: fail,
  }

  test('no getter, trap or toString gets out', () => {
    const getters = Object.defineProperties(new Error('x'), {
      name: { get: fail },
      message: { get: fail },
      stack: { get: fail },
      code: { get: fail },
      cause: { get: fail },
      custom: { get: fail, enumerable: true },
    })
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const thrown = [
      getters,
      new Proxy(new Error('x'), traps),
      new Proxy({}, traps),
      proxy,
      { toJSON: fail, toString: fail, [Symbol.toPrimitive]: fail },
    ]
    for (const value of thrown) {
      expect(revived(value)).toBeInstanceOf(Error)
      expect(briefErrorData(value).name).toBe('Error')
    }
  })

  test('members of the wrong kind become text', () => {
    const error = Object.assign(new Error('x'), { name: 5, message: { a: 1 }, stack: null })
    expect(toErrorData(error)).toMatchObject({ name: '5', message: 'an object' })
    expect(typeof revived(error).stack).toBe('string')
  })

  test('anything thrown becomes an Error', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true }),
        fc.anything(),
        (thrown, assigned) => {
          expect(revived(thrown)).toBeInstanceOf(Error)
          const carrier = Object.assign(new TypeError('x'), typeof assigned === 'object' ? assigned : {})
          expect(revived(carrier)).toBeInstanceOf(TypeError)
        },
      ),
    )
  })

  test('brief data is always small', () => {
    const error = Object.assign(new Error('m'.repeat(1e6)), {
      name: 'n'.repeat(1e6),
      code: 'c'.repeat(1e6),
      stack: 's'.repeat(1e6),
      extra: 'e'.repeat(1e6),
    })
    expect(JSON.stringify(briefErrorData(error)).length).toBeLessThan(25_000)
    expect(briefErrorData(error)).not.toHaveProperty('fields')
  })
})

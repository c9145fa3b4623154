import { describe, expect, test } from 'vitest'
import { NonRetryableError } from '../contract/errors.ts'
import { decodeValue, digest, digestOfValue, encodeThrown, encodeValue } from './values.ts'

const through = (value: unknown) => decodeValue(encodeValue(value, 'result'))

describe('errors as values', () => {
  test('keep class, name, message, stack, code, cause and fields', () => {
    const error = Object.assign(
      new TypeError('outer', { cause: new RangeError('inner', { cause: { why: 'data' } }) }),
      {
        code: 'E_X',
        at: new Date(7),
        tags: new Set(['a']),
      },
    )
    const back = (through({ error }) as { error: TypeError & { at: Date; code: string; tags: Set<string> } }).error
    expect(back).toBeInstanceOf(TypeError)
    expect([back.message, back.code, back.stack]).toEqual(['outer', 'E_X', error.stack])
    expect(back.at).toEqual(new Date(7))
    expect(back.tags).toEqual(new Set(['a']))
    expect(back.cause).toBeInstanceOf(RangeError)
    expect((back.cause as RangeError).cause).toEqual({ why: 'data' })
  })

  test('may contain themselves, anywhere', () => {
    const error = Object.assign(new AggregateError([], 'x'), { context: { list: [] as unknown[] } })
    error.cause = error
    error.errors.push(error, new Error('part', { cause: error }))
    error.context.list.push(error)
    const back = through(error) as typeof error
    expect(back).toBeInstanceOf(AggregateError)
    expect(back.message).toBe('x')
    expect(back.cause).toBe(back)
    expect(back.errors[0]).toBe(back)
    expect(back.errors[1].cause).toBe(back)
    expect(back.context.list[0]).toBe(back)
    const [a, b] = through([error, error]) as [unknown, unknown]
    expect(a).toBe(b)
  })

  test('F32: what of them cannot be kept is described, the rest stays', () => {
    class Socket {}
    const error = Object.assign(new Error('request failed', { cause: Symbol('why') }), {
      status: 502,
      request: new Socket(),
      retry: function again() {},
      response: { headers: { a: '1' }, body: new Socket() },
    })
    expect(through(error)).toMatchObject({
      message: 'request failed',
      cause: "[a symbol 'why']",
      status: 502,
      request: '[an instance of Socket]',
      retry: "[a function 'again']",
      response: '[an object]',
    })
  })

  test('an endless chain of causes ends', () => {
    class Endless extends Error {
      override get cause(): unknown {
        return new Endless('again')
      }
    }
    let depth = 0
    for (let error = through(new Endless('first')); error instanceof Error; error = error.cause) depth += 1
    expect(depth).toBeGreaterThan(50)
    expect(depth).toBeLessThan(500)
    let chain = new Error('bottom')
    for (let n = 0; n < 50_000; n++) chain = new Error(`${n}`, { cause: chain })
    expect(through(chain)).toMatchObject({ message: '49999' })
  })

  test('a value shared by many errors is looked at once', () => {
    let looked = 0
    const shared = { get costly() { looked += 1; return 1 } } // prettier-ignore
    through(Array.from({ length: 50 }, () => Object.assign(new Error('x'), { shared })))
    expect(looked).toBe(2)
  })

  test('do not let stacks into the digest', () => {
    const make = () => ({ error: Object.assign(new Error('x', { cause: new Error('y') }), { code: 5 }) })
    const here = make()
    const twice = [here, (() => make())()]
    expect(twice[0]?.error.stack).not.toBe(twice[1]?.error.stack)
    const [a = '', b = ''] = twice.map((value) => digestOfValue(value, encodeValue(value, 'x')))
    expect(a).toBe(b)
    expect(a).toMatch(/^[0-9a-f]{32}$/)
    const other = { error: new Error('z') }
    expect(digestOfValue(other, encodeValue(other, 'x'))).not.toBe(a)
    const plain = { error: 'x' }
    expect(digestOfValue(plain, encodeValue(plain, 'x'))).toBe(digest(encodeValue(plain, 'y')))
  })
})

describe('encodeThrown', () => {
  test('gives an Error back for anything', () => {
    for (const thrown of [
      'text',
      null,
      undefined,
      5,
      { a: 1 },
      () => 1,
      Symbol('s'),
      Promise.resolve(1),
      new Error('x'),
    ]) {
      expect(decodeValue(encodeThrown(thrown))).toBeInstanceOf(Error)
    }
    expect(decodeValue(encodeThrown('text'))).toMatchObject({ message: 'text', thrown: 'text' })
    expect(decodeValue(encodeThrown(null))).toMatchObject({ message: 'null', thrown: null })
    expect(decodeValue(encodeThrown({ a: 1 }))).toMatchObject({ message: '{"a":1}', thrown: { a: 1 } })
  })

  test('a getter that changes its mind costs the fields, not the error', () => {
    let reads = 0
    const error = Object.assign(new NonRetryableError('x'), { context: { get odd() { reads += 1; return reads > 1 ? () => 1 : 1 } } }) // prettier-ignore
    const back = decodeValue(encodeThrown(error))
    expect(back).toBeInstanceOf(NonRetryableError)
    expect(back).toMatchObject({ message: 'x' })
  })
})

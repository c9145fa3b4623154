import fc from 'fast-check'
import { expect, test } from 'vitest'
import { describe, oneLine, quote } from './describe.ts'

class User {}

test('says what a value is', () => {
  const values = [
    'abc', `it's "so"\n`, 5, -0, 5n, true, null, undefined, Symbol('s'), Symbol(), {}, [], Object.create(null), new User(), new Map(),
    Promise.resolve(), function save() {}, () => 1, class {}, new (class {})(),
  ] // prettier-ignore
  expect(values.map(describe)).toMatchInlineSnapshot(`
    [
      "'abc'",
      "'it\\'s "so"\\n'",
      "5",
      "-0",
      "5n",
      "true",
      "null",
      "undefined",
      "a symbol 's'",
      "a symbol ''",
      "an object",
      "an array",
      "an object",
      "an instance of User",
      "an instance of Map",
      "a promise",
      "a function 'save'",
      "a function",
      "a function",
      "an instance of an unnamed class",
    ]
  `)
})

test('cannot be made to throw', () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  const traps = new Proxy(() => 1, { get: () => { throw new Error('no') } }) // prettier-ignore
  expect([describe(proxy), describe(traps)]).toEqual(['an object that cannot be inspected', 'a function'])
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }), (value) => {
      expect(describe(value).isWellFormed()).toBe(true)
      expect(describe(value)).not.toContain('\n')
    }),
  )
})

test('a quote is one short well-formed line', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(0xffff), { maxLength: 200 }), (units) => {
      const quoted = quote(String.fromCharCode(...units))
      expect(quoted.isWellFormed() && !/[\0-\x1f]/.test(quoted)).toBe(true)
    }),
  )
})

test('a line of a log stays one line, and commands no terminal', () => {
  const text = 'a\r\nFAKE: all is well\t\u001b[2J\u009b31m\u007f\u2028\u202egnp.exe\ud800 é日👩‍🚀\\n'
  expect(oneLine(text)).toBe(
    'a\\r\\nFAKE: all is well\\t\\u001b[2J\\u009b31m\\u007f\\u2028\\u202egnp.exe\ufffd é日👩‍🚀\\n',
  )
  expect(quote('\u009b31m\u202e')).toBe("'\\u009b31m\\u202e'")
  fc.assert(
    fc.property(fc.array(fc.nat(0xffff), { maxLength: 200 }), (units) => {
      const line = oneLine(String.fromCharCode(...units))
      expect(line.isWellFormed() && !/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(line)).toBe(true)
      expect(oneLine(line)).toBe(line)
    }),
  )
})

import fc from 'fast-check'

/** How often everything is tried, in multiples of what fits between two commits. */
export const times = Number(process.env['PIKKU_HOSTILE_TIMES'] ?? 1)
/** How long a test that tries so many may take, in ms. */
export const timeout = 90_000 * times

/** Text that means something to SQL, Lua, globs, keys, JavaScript, JSON, terminals or people, and may be a name. */
export const pointedTexts: readonly string[] = [
  '__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'then', 'null', 'undefined', 'true', '0', '-1', '1e9',
  "'", '"', '`', "''", '\\', '\\\\', "a'b", 'a"b', "'; drop table workflow_runs; --", "E'\\'' || 1", '$1', '$$', '$tag$', '--', '/* */', ';',
  '%', '_', '*', '?', '[a-z]', '{a,b}', '{', '}', '{0}', '{}:x', 'a{b}c', ':', '::', 'a:b', 'run:x', 'step:1:x', '#', 'a#1', '1 a', '0 0', ' ',
  '  a  ', 'a\nb', 'a\r\nb', '\t', '\u001b[31mred\u001b[0m', '\u009b31m', '\u0007', '\u007f', '\u2028', '\u2029', '\u202egnp.exe', '\ufeff',
  'é', 'e\u0301', 'ß', 'İ', 'ı', '日本', '👩‍🚀', '\u{10ffff}', '\uffff', '../../etc/passwd', 'file:///etc/passwd', '<script>', '&amp;',
  'redis.call("FLUSHALL")', 'return 1', 'KEYS[1]', '\\x00', '\\u0000', '%00', '%s%n', '${x}', '{{x}}', 'NaN', 'Infinity',
  '01890a5d-ac96-774b-bcce-b302099a8057', '{"kind":"run"}', '[1]', '(nil)', '+OK', '$-1', '*1', 'OR 1=1', 'order', 'Charge', 'pg_', 'pikku',
] // prettier-ignore

/** Text that can be no name: too long, empty, or not to be stored as it is. */
export const impossibleNames: readonly string[] = [
  '', '\0', 'a\0b', '\ud800', 'a\udfff', '\udc00\ud800', 'x'.repeat(513), 'n'.repeat(10_240), '\0'.repeat(600),
] // prettier-ignore

/** A name that is accepted everywhere a name is: of steps, workflows and functions. */
export const anyName = fc
  .oneof(
    fc.constantFrom(...pointedTexts),
    fc.tuple(fc.constantFrom(...pointedTexts), fc.constantFrom(...pointedTexts)).map(([a, b]) => a + b),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 120 }),
    fc.constantFrom('x'.repeat(512), '日'.repeat(512), '👩'.repeat(256), "'".repeat(512)),
  )
  .filter((text) => text !== '' && text.length <= 512 && text.isWellFormed() && !text.includes('\0'))

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(...pointedTexts, ...impossibleNames),
  fc.array(fc.nat(0xffff), { maxLength: 8 }).map((units) => String.fromCharCode(...units)),
)

/** Every kind of value that is kept (behaviour §3), nested. */
const anyValue = fc.anything({
  key: anyText.filter((key) => key !== '__proto__'),
  values: [
    anyText, fc.double(), fc.integer(), fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 2 ** 53), fc.boolean(), fc.constant(null),
    fc.constant(undefined), fc.bigInt(), fc.date({ noInvalidDate: true }), fc.uint8Array(), fc.float64Array(), fc.bigInt64Array(),
    fc.webUrl().map((url) => new URL(url)), fc.constantFrom(/a+b/giu, /[/\n]\\/, /(?<x>.)/y),
    anyText.map((text) => Object.assign(new TypeError(text, { cause: { text } }), { code: text })),
  ],
  maxDepth: 3,
  maxKeys: 4,
  withMap: true,
  withSet: true,
  withSparseArray: true,
  withNullPrototype: true,
}) // prettier-ignore

/** JSON.parse makes keys that no literal does, and values may be shared or contain themselves. */
export const anyOddValue = fc.oneof(
  anyValue,
  anyValue.map((value) => [value, value, { value }]),
  anyText.map((text) => JSON.parse(`{"__proto__":{"polluted":${JSON.stringify(text)}},"constructor":{"prototype":1}}`)),
  anyValue.map((value) => {
    const loop: { value: unknown; self?: unknown } = { value }
    loop.self = loop
    return new Map<unknown, unknown>([
      ['loop', loop],
      [loop, new Set([loop])],
    ])
  }),
  // Holes at both ends, and as many as there can be.
  fc.constantFrom({ length: 3, at: 1 }, { length: 4294967295, at: 4294967294 }).map(({ length, at }) => {
    const holes: unknown[] = []
    holes.length = length
    holes[at] = 'last'
    return holes
  }),
)

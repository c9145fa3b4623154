const LONGEST_QUOTE = 80

/** Any value in a few words, for messages: `'abc'`, `5`, `a function 'save'`, `an instance of User`. Never throws. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quote(value)
    case 'bigint':
      return isShort(value) ? `${value}n` : 'a huge bigint'
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'symbol':
      return `a symbol ${quote(value.description ?? '')}`
    case 'function':
      return named('a function', nameOf(value))
    case 'object':
      return value === null ? 'null' : describeObject(value)
    default:
      return String(value)
  }
}

/** Text in quotes on one line: control characters and unpaired surrogates shown as escapes, cut when long. */
export function quote(text: string): string {
  const shown = text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text
  return `'${oneLine(JSON.stringify(shown).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'"))}'`
}

/**
 * Text as a line of a log: what would break the line, command a terminal or turn the direction of writing is shown as an
 * escape, so that nobody's data passes for a message of the program.
 */
export function oneLine(text: string): string {
  return text.toWellFormed().replaceAll(UNPRINTABLE, (character) => {
    const code = character.charCodeAt(0)
    return SHORT_ESCAPES.get(code) ?? `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** Control characters (C0, DEL and C1), line and paragraph separators, and what turns the direction of writing. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

const SHORT_ESCAPES: ReadonlyMap<number, string> = new Map([
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0d, '\\r'],
])

/** Finding the digits of a bigint takes long when there are many. */
function isShort(value: bigint): boolean {
  const beyond = value >> 256n
  return beyond === 0n || beyond === -1n
}

function describeObject(value: object): string {
  try {
    if (Array.isArray(value)) return 'an array'
    if ('then' in value && typeof value.then === 'function') return 'a promise'
    const prototype: unknown = Object.getPrototypeOf(value)
    if (value instanceof Date && Number.isNaN(value.getTime())) return 'an invalid Date'
    if (prototype === null || prototype === Object.prototype) return 'an object'
    const constructor: unknown = Reflect.get(Object(prototype), 'constructor')
    return named('an instance of', typeof constructor === 'function' ? nameOf(constructor) : '', '')
  } catch {
    // A getter or a proxy trap of the value threw; a message about a value must not fail because of that value.
    return 'an object that cannot be inspected'
  }
}

function named(what: string, name: string, mark = "'"): string {
  if (name !== '') return `${what} ${mark}${name}${mark}`
  return what === 'an instance of' ? 'an instance of an unnamed class' : what
}

function nameOf(thing: object): string {
  try {
    const name: unknown = Reflect.get(thing, 'name')
    return typeof name === 'string' ? name.slice(0, LONGEST_QUOTE).toWellFormed() : ''
  } catch {
    // As above: a hostile `name` leaves the thing unnamed.
    return ''
  }
}

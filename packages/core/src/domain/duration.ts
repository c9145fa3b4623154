import { WorkflowError } from '../contract/errors.ts'
import { describe } from './describe.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const WEEK = 7 * DAY

/** The longest duration: 100 years of 365.25 days. Stores keep durations as 64-bit integers; past this a date overflows somewhere. */
export const MAX_DURATION_MS = 36_525 * DAY

const UNITS: ReadonlyMap<string, number> = new Map([
  ...['ms', 'msec', 'msecs', 'millisecond', 'milliseconds'].map((unit) => [unit, 1] as const),
  ...['s', 'sec', 'secs', 'second', 'seconds'].map((unit) => [unit, SECOND] as const),
  ...['m', 'min', 'mins', 'minute', 'minutes'].map((unit) => [unit, MINUTE] as const),
  ...['h', 'hr', 'hrs', 'hour', 'hours'].map((unit) => [unit, HOUR] as const),
  ...['d', 'day', 'days'].map((unit) => [unit, DAY] as const),
  ...['w', 'wk', 'wks', 'week', 'weeks'].map((unit) => [unit, WEEK] as const),
])
const NO_FIXED_LENGTH: ReadonlySet<string> = new Set([
  'mo',
  'mon',
  'month',
  'months',
  'y',
  'yr',
  'yrs',
  'year',
  'years',
])

const DECIMALS = 20
const PART = /\s*(?=\.?\d)(\d{0,20})(?:\.(\d{1,20}))?\s*([a-z]+)\s*/giy

const ACCEPTED =
  "a number of milliseconds (0 or more), or a string such as '500ms', '5s', '5min', '2h', '1d', '1w' or '1h 30m'"

/**
 * A duration as the user writes it, in whole milliseconds. Fractions of a millisecond are rounded up: a duration is a
 * minimum everywhere it is used. `m` is minutes. `where` says whose duration it is, for the message.
 *
 * @throws WorkflowError `INVALID_DURATION`
 * @example
 * parseDuration('1h 30m', "sleep 'Wait'") // 5_400_000
 */
export function parseDuration(value: number | string, where: string): number {
  const ms = typeof value === 'string' ? textToMs(value, where) : wholeMs(value, where)
  if (ms > MAX_DURATION_MS) throw invalid(value, where, 'the longest duration is 100 years')
  return ms
}

function wholeMs(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw invalid(value, where)
  return Math.ceil(value) + 0 // + 0 turns -0 into 0
}

function textToMs(text: string, where: string): number {
  // In integers: binary fractions (512.248 × 86,400,000) would be rounded up to a millisecond nobody wrote.
  let total = 0n
  let end = 0
  for (const [part, whole = '', fraction = '', unit = ''] of text.matchAll(PART)) {
    end += part.length
    total += BigInt(whole + fraction.padEnd(DECIMALS, '0')) * BigInt(unitMs(unit, text, where))
  }
  if (end === 0 || end !== text.length) throw invalid(text, where)
  const one = 10n ** BigInt(DECIMALS)
  return Number((total + one - 1n) / one)
}

function unitMs(unit: string, text: string, where: string): number {
  // A capital M alone means months as often as minutes; nobody's sleep should depend on the guess.
  const ms = unit === 'M' ? undefined : UNITS.get(unit.toLowerCase())
  if (ms !== undefined) return ms
  if (unit === 'M' || NO_FIXED_LENGTH.has(unit.toLowerCase())) {
    throw invalid(text, where, 'months and years have no fixed length, write days or weeks (minutes are m or min)')
  }
  throw invalid(text, where, `unknown unit ${describe(unit)}`)
}

function invalid(value: unknown, where: string, why?: string): WorkflowError {
  const reason = why === undefined ? '' : ` (${why})`
  return new WorkflowError(
    'INVALID_DURATION',
    `${where}: ${describe(value)} is not a duration${reason}; accepted is ${ACCEPTED}`,
  )
}

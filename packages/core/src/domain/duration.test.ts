import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WorkflowError } from '../contract/errors.ts'
import { MAX_DURATION_MS, parseDuration } from './duration.ts'

const parse = (value: number | string) => parseDuration(value, "sleep 'Wait'")

describe('parseDuration', () => {
  test.each<[number | string, number]>([
    ['500ms', 500],
    ['5s', 5_000],
    ['30s', 30_000],
    ['5min', 300_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1w', 604_800_000],
    ['1 second', 1_000],
    ['2 Seconds', 2_000],
    ['1 minute', 60_000],
    ['3 minutes', 180_000],
    ['1 hour', 3_600_000],
    ['2 hours', 7_200_000],
    ['1 day', 86_400_000],
    ['10 days', 864_000_000],
    ['1 week', 604_800_000],
    ['2 weeks', 1_209_600_000],
    ['1h 30m', 5_400_000],
    ['1h30m', 5_400_000],
    ['1 hour 30 minutes', 5_400_000],
    ['  5s  ', 5_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['0.1s', 100],
    ['1.1s', 1_100],
    ['8.41s', 8_410],
    ['0s', 0],
    ['0.2ms', 1],
    [0, 0],
    [-0, 0],
    [5000, 5_000],
    [0.1, 1],
    [1.5, 2],
    ['5200w', 5200 * 604_800_000],
    [MAX_DURATION_MS, MAX_DURATION_MS],
  ])('%j is %i ms', (value, ms) => {
    expect(Object.is(parse(value), ms)).toBe(true)
  })

  test.each([
    '',
    ' ',
    's',
    '5',
    '500',
    'abc',
    '5x',
    '-5s',
    '+5s',
    '1h -5m',
    '5s!',
    '1e3s',
    '5 s s',
    '1,5s',
    'P1DT2H',
    '5s5',
    '0x10s',
    '5..5s',
    '٥s',
    'Infinitys',
  ])('%j is refused', (text) => {
    expect(() => parse(text)).toThrow(WorkflowError)
  })

  test.each([Number.NaN, Infinity, -1, -0.001, MAX_DURATION_MS + 1, 2 ** 60, '36526d', '5300w', '9'.repeat(400) + 's'])(
    '%j is refused',
    (value) => {
      expect(() => parse(value)).toThrow(expect.objectContaining({ code: 'INVALID_DURATION' }))
    },
  )

  test('what a caller without types may give is refused', () => {
    for (const value of [undefined, null, true, {}, [], 5n, new Date(0), ['5s']]) {
      expect(() => parse(value as unknown as string)).toThrow(expect.objectContaining({ code: 'INVALID_DURATION' }))
    }
  })

  test('the message says what was given, where, and what is accepted', () => {
    const message = (value: number | string) => {
      try {
        return parse(value)
      } catch (error) {
        return WorkflowError.is(error) ? error.message : error
      }
    }
    expect(message('soon')).toMatchInlineSnapshot(
      `"sleep 'Wait': 'soon' is not a duration; accepted is a number of milliseconds (0 or more), or a string such as '500ms', '5s', '5min', '2h', '1d', '1w' or '1h 30m'"`,
    )
    expect(message('5 fortnights')).toMatchInlineSnapshot(
      `"sleep 'Wait': '5 fortnights' is not a duration (unknown unit 'fortnights'); accepted is a number of milliseconds (0 or more), or a string such as '500ms', '5s', '5min', '2h', '1d', '1w' or '1h 30m'"`,
    )
    expect(message('2 months')).toMatchInlineSnapshot(
      `"sleep 'Wait': '2 months' is not a duration (months and years have no fixed length, write days or weeks (minutes are m or min)); accepted is a number of milliseconds (0 or more), or a string such as '500ms', '5s', '5min', '2h', '1d', '1w' or '1h 30m'"`,
    )
    expect(message('5M')).toMatchInlineSnapshot(
      `"sleep 'Wait': '5M' is not a duration (months and years have no fixed length, write days or weeks (minutes are m or min)); accepted is a number of milliseconds (0 or more), or a string such as '500ms', '5s', '5min', '2h', '1d', '1w' or '1h 30m'"`,
    )
    expect(message(-1)).toMatchInlineSnapshot(
      `"sleep 'Wait': -1 is not a duration; accepted is a number of milliseconds (0 or more), or a string such as '500ms', '5s', '5min', '2h', '1d', '1w' or '1h 30m'"`,
    )
    expect(message('101y')).toMatchInlineSnapshot(
      `"sleep 'Wait': '101y' is not a duration (months and years have no fixed length, write days or weeks (minutes are m or min)); accepted is a number of milliseconds (0 or more), or a string such as '500ms', '5s', '5min', '2h', '1d', '1w' or '1h 30m'"`,
    )
    expect(message('40000d')).toMatchInlineSnapshot(
      `"sleep 'Wait': '40000d' is not a duration (the longest duration is 100 years); accepted is a number of milliseconds (0 or more), or a string such as '500ms', '5s', '5min', '2h', '1d', '1w' or '1h 30m'"`,
    )
  })

  test('is a whole number of ms, never less than what was asked for', () => {
    const units = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.nat(999),
        fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[])),
        fc.constantFrom('', ' ', '  '),
        (whole, thousandths, unit, space) => {
          const ms = parse(`${whole}.${String(thousandths).padStart(3, '0')}${space}${unit}`)
          // In thousandths of a ms, so that the expectation is exact.
          const exact = BigInt(whole * 1000 + thousandths) * BigInt(units[unit])
          expect(BigInt(ms)).toBe((exact + 999n) / 1000n)
        },
      ),
    )
  })

  test('anything is a duration or one clear error', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.double(), fc.stringMatching(/^[0-9. ]{0,4}[a-zA-Z]{0,4}[0-9 ]{0,3}$/), fc.anything()),
        (value) => {
          try {
            const ms = parse(value as string)
            expect(Number.isSafeInteger(ms) && ms >= 0 && ms <= MAX_DURATION_MS).toBe(true)
          } catch (error) {
            expect(WorkflowError.is(error, 'INVALID_DURATION')).toBe(true)
          }
        },
      ),
    )
  })

  test('F34: what it returns is what it accepts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_DURATION_MS }), (ms) => {
        expect(parse(parse(`${ms}ms`))).toBe(ms)
      }),
    )
  })

  test('a long hostile text costs no time', () => {
    const start = performance.now()
    expect(() => parse('1'.repeat(200_000))).toThrow(WorkflowError)
    expect(() => parse(' '.repeat(200_000) + 'x')).toThrow(WorkflowError)
    expect(() => parse('1s '.repeat(60_000) + '!')).toThrow(WorkflowError)
    expect(performance.now() - start).toBeLessThan(2_000)
  })
})

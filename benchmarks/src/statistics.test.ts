import { expect, test } from 'vitest'
import { fitExponent, percentile, rangesCross, ratioOf, spreadOf } from './statistics.ts'

const spread = (min: number, median: number, max: number) => ({ min, median, max })

test('the median of an odd and of an even number of repetitions, with the range', () => {
  expect(spreadOf([5, 1, 3])).toEqual(spread(1, 3, 5))
  expect(spreadOf([4, 1, 3, 2])).toEqual(spread(1, 2.5, 4))
  expect(spreadOf([10, 9])).toEqual(spread(9, 9.5, 10))
})

test('nothing measured is no figure', () => {
  expect(() => spreadOf([])).toThrow(RangeError)
})

test('percentiles are values that were seen', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect(percentile(values, 0.5)).toBe(50)
  expect(percentile(values, 0.99)).toBe(99)
  expect(percentile(values, 1)).toBe(100)
  expect(percentile([7], 0.99)).toBe(7)
})

test('ranges that touch cross, and give no ratio', () => {
  expect(rangesCross(spread(1, 2, 3), spread(3, 4, 5))).toBe(true)
  expect(rangesCross(spread(1, 2, 10), spread(3, 4, 5))).toBe(true)
  expect(rangesCross(spread(1, 2, 3), spread(3.1, 4, 5))).toBe(false)
  expect(ratioOf(spread(8, 9, 10), spread(2, 3, 4))).toBe(3)
  expect(ratioOf(spread(2, 3, 4), spread(4, 6, 10))).toBeNull()
  expect(ratioOf(spread(1, 1, 1), spread(0, 0, 0))).toBeNull()
})

test.each([0, 0.5, 1, 2])('the exponent %d is found again', (exponent) => {
  const points = [1, 10, 100, 1_000].map((x) => [x, 7 * x ** exponent] as const)
  expect(fitExponent(points)).toBeCloseTo(exponent, 6)
})

test('a point at 0 does not count, and one point is no curve', () => {
  expect(
    fitExponent([
      [0, 5],
      [1, 3],
      [10, 30],
    ]),
  ).toBeCloseTo(1, 6)
  expect(
    fitExponent([
      [1, 3],
      [1, 4],
    ]),
  ).toBeNull()
})

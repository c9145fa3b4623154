import { expect, test } from 'vitest'
import { sizes } from '../sizes.ts'
import { groups } from '../workload.ts'
import { growth, powersOfTen } from './growth.ts'
import { workloads } from './index.ts'

test('the points of a curve begin and end where they should', () => {
  expect(powersOfTen(10, 10_000)).toEqual([10, 100, 1_000, 10_000])
  expect(powersOfTen(1, 5_000)).toEqual([1, 10, 100, 1_000, 5_000])
})

test('the curves go as far as they are to, from the smallest on', () => {
  const points = growth.map((curve) => curve.points?.(sizes.full) ?? [])
  expect(points.map((xs) => [xs[0], xs.at(-1)])).toEqual([
    [10, 10_000],
    [1, 5_000],
    [100, 1_000_000],
    [1, 4],
    [0, 1_000_000],
  ])
  for (const xs of points) expect(xs.toSorted((a, b) => a - b)).toEqual(xs)
})

test('every name that --only takes is a workload, and every line has a name of its own', () => {
  expect(new Set(workloads.map(({ group }) => group))).toEqual(new Set(groups))
  const names = workloads.map(({ rows }) => [...new Set(rows.map(({ name }) => name))]).flat()
  expect(new Set(names).size).toBe(names.length)
})

import { expect, test } from 'vitest'
import { pairings, type Pairing } from './pairs.ts'

test('every value meets every other one, in at most 14 rows', () => {
  expect(pairings.length).toBeLessThanOrEqual(14)
  const factors = Object.keys(pairings[0] ?? {}) as (keyof Pairing)[]
  const values = (factor: keyof Pairing) => new Set<string>(pairings.map((row) => row[factor]))
  const missing = factors.flatMap((one, index) =>
    factors.slice(index + 1).flatMap((other) => {
      const met = new Set(pairings.map((row) => `${row[one]} with ${row[other]}`))
      const all = [...values(one)].flatMap((a) => [...values(other)].map((b) => `${a} with ${b}`))
      return all.filter((pair) => !met.has(pair))
    }),
  )
  expect(missing).toEqual([])
  expect(factors.map((factor) => values(factor).size)).toEqual([2, 3, 3, 3, 3])
})

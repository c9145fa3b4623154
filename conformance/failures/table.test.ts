import { expect, test } from 'vitest'
import { entriesInTests, holds, readTable } from './table.ts'

const table = readTable()

const howTo = 'docs/failures.md and the tests do not agree (node conformance/failures/update-table.ts mends it)'

test('there are 63 rows, in order', () => {
  expect(table.map(({ number }) => number)).toEqual(Array.from({ length: 63 }, (_, index) => index + 1))
})

test('every entry is a test that exists, or a reason', () => {
  const gone = table.flatMap(({ number, entries }) =>
    entries.filter((entry) => !holds(entry)).map((entry) => `F${number}: ${entry}`),
  )
  expect(gone, howTo).toEqual([])
})

test('every test named after a failure is in its row', () => {
  const inTests = entriesInTests()
  expect(inTests.size).toBeGreaterThan(40)
  const missing = [...inTests].flatMap(([number, entries]) =>
    entries.filter((entry) => !table[number - 1]?.entries.includes(entry)).map((entry) => `F${number}: ${entry}`),
  )
  expect(missing, howTo).toEqual([])
})

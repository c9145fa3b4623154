import { describe, expect, test } from 'vitest'
import { entriesInTests, holds, placesOfEntry, placesOfRow, readTable, tables } from './table.ts'
import { callerText, placesOf, suites } from './where.ts'

const howTo = 'the page and the tests do not agree (node conformance/failures/update-table.ts mends it)'

describe.each(tables)('$letter: $page', (table) => {
  const { letter, count } = table
  const rows = readTable(table)

  test('every row is there, in order', () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: count }, (_, index) => index + 1))
  })

  test('every entry is a test that exists, or a reason', () => {
    const gone = rows.flatMap(({ number, entries }) =>
      entries.filter((entry) => !holds(entry)).map((entry) => `${letter}${number}: ${entry}`),
    )
    expect(gone, howTo).toEqual([])
  })

  test('every test named after one of them is in its row', () => {
    const missing = [...entriesInTests(table)].flatMap(([number, entries]) =>
      entries
        .filter((entry) => !rows[number - 1]?.entries.includes(entry))
        .map((entry) => `${letter}${number}: ${entry}`),
    )
    expect(missing, howTo).toEqual([])
  })

  test('on every store, queue and mode it can occur on it is tested, or a reason stands there', () => {
    const open = rows.flatMap((row) => {
      const where = placesOfRow(row)
      if (!where) return [`${letter}${row.number}: '${row.where}' names something that is no place`]
      const covered = row.entries.map((entry) => placesOfEntry(entry))
      if (covered.includes(null)) return [`${letter}${row.number}: a reason for something that is no place`]
      if (where.length === 0 && !row.entries.some((entry) => entry.startsWith('By construction: ')))
        return [`${letter}${row.number}: cannot occur, and nothing says why`]
      return where
        .filter((place) => !covered.flat().includes(place))
        .map((place) => `${letter}${row.number} on ${place}`)
    })
    expect(open).toEqual([])
  })
})

test('whatever is counted as a place of a suite calls that suite', () => {
  const strangers = suites.flatMap(({ call, callers }) =>
    Object.values(callers)
      .flat()
      .filter((caller) => !callerText(caller).includes(`${call}(`)),
  )
  expect(strangers).toEqual([])
})

test('a place at which a test ends at once is none of its places', () => {
  const engine = 'packages/core/src/testing/engine'
  expect(placesOf(`${engine}/crashes.ts`, 'the queue away for a while')).toEqual([
    'memory',
    'pg',
    'pg-boss',
    'redis',
    'bullmq',
  ])
  expect(placesOf(`${engine}/crashes.ts`, 'the store away for a while fails')).toEqual([
    ...['memory', 'pg', 'pg-boss', 'redis', 'bullmq'],
    'inline',
  ])
  const locks = 'packages/core/src/testing/store/locks.ts'
  expect(placesOf(locks, 'renewals skip it')).toEqual(['memory', 'pg'])
})

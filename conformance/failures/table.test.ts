import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')
const page = 'docs/failures.md'

interface Row {
  readonly number: number
  readonly entries: readonly string[]
}

/** The rows of the table; an entry is `file` › title, or says why there is none. */
function readTable(): Row[] {
  const rows = readFileSync(path.join(root, page), 'utf8').matchAll(/^\| F(\d+) \| .+? \| (.+) \|$/gm)
  return [...rows].map(([, number, shown = '']) => ({ number: Number(number), entries: shown.split('<br>') }))
}

/** The text of a file as its titles read. */
function textOf(file: string): string {
  return readFileSync(path.join(root, file), 'utf8').replaceAll("\\'", "'")
}

/** Every title that begins with the number of a failure, as an entry of the table, and the numbers it names. */
function titlesInTests(): { entry: string; numbers: number[] }[] {
  const files = globSync(['{packages,e2e,tooling,conformance}/**/*.test.ts', 'packages/core/src/testing/**/*.ts'], {
    cwd: root,
    exclude: (name) => name === 'node_modules' || name === 'dist',
  })
  return files.flatMap((file) =>
    [...textOf(file).matchAll(/(?<=['"`])F\d[^\n:]*: [^\n]*?(?=['"`](?:,|:|\)))/g)].map(([title]) => ({
      entry: `\`${file.split(path.sep).join('/')}\` › ${title}`,
      numbers: numbersOf(title.slice(0, title.indexOf(':'))),
    })),
  )
}

/** `F1–F4` and `F9, F11` and `F18 F25` alike. */
function numbersOf(head: string): number[] {
  return [...head.matchAll(/F(\d+)(?:–F(\d+))?/g)].flatMap(([, from, to = from]) =>
    Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => Number(from) + index),
  )
}

const table = readTable()

test('there are 63 rows, in order', () => {
  expect(table.map(({ number }) => number)).toEqual(Array.from({ length: 63 }, (_, index) => index + 1))
})

test('every entry is a test that exists, or a reason', () => {
  const wrong = table.flatMap(({ number, entries }) =>
    entries.flatMap((entry) => {
      if (/^(By construction|With Redis): \S/.test(entry)) return []
      const [, file = '', title = ''] = /^`([^`]+)` › (.+)$/.exec(entry) ?? []
      const found = title !== '' && existsSync(path.join(root, file)) && textOf(file).includes(title)
      return found ? [] : [`F${number}: ${entry}`]
    }),
  )
  expect(wrong, `${page} names what does not exist`).toEqual([])
})

test('every test named after a failure is in its row', () => {
  const titles = titlesInTests()
  expect(titles.length).toBeGreaterThan(60)
  const missing = titles.flatMap(({ entry, numbers }) =>
    numbers.flatMap((number) => (table[number - 1]?.entries.includes(entry) ? [] : [`F${number}: ${entry}`])),
  )
  expect(missing, `add these to ${page}`).toEqual([])
})

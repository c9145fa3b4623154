import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../..')

export const page = path.join(root, 'docs/failures.md')

/** One failure. An entry is `` `file` › title ``, or says why there is no test. */
export interface Row {
  readonly number: number
  readonly what: string
  readonly entries: readonly string[]
}

export function readTable(): Row[] {
  const rows = readFileSync(page, 'utf8').matchAll(/^\| F(\d+) \| (.+?) \| (.+) \|$/gm)
  return [...rows].map(([, number, what = '', shown = '']) => ({
    number: Number(number),
    what,
    entries: shown.split('<br>'),
  }))
}

/** A row as the page holds it: tests first, then reasons. */
export function formatRow({ number, what, entries }: Row): string {
  const sorted = [...entries.filter((entry) => !isReason(entry)), ...entries.filter(isReason)]
  return `| F${number} | ${what} | ${sorted.join('<br>')} |`
}

function isReason(entry: string): boolean {
  return /^By construction: \S/.test(entry)
}

/** Whether an entry is a reason, or names a test that is there. */
export function holds(entry: string): boolean {
  if (isReason(entry)) return true
  const [, file = '', title = ''] = /^`([^`]+)` › (.+)$/.exec(entry) ?? []
  return title !== '' && existsSync(path.join(root, file)) && textOf(file).includes(title)
}

/** The entries that the row of this failure should have: every test whose title begins with its number. */
export function entriesInTests(): Map<number, string[]> {
  const files = globSync(['{packages,e2e,tooling,conformance}/**/*.test.ts', 'packages/core/src/testing/**/*.ts'], {
    cwd: root,
    exclude: (name) => name === 'node_modules' || name === 'dist',
  })
  const found = new Map<number, string[]>()
  for (const file of files.sort()) {
    for (const [title] of textOf(file).matchAll(/(?<=['"`])F\d[^\n:]*: [^\n]*?(?=['"`](?:,|:|\)))/g)) {
      const entry = `\`${file.split(path.sep).join('/')}\` › ${title}`
      for (const number of numbersOf(title)) found.set(number, [...(found.get(number) ?? []), entry])
    }
  }
  return found
}

/** The text of a file as its titles read. */
function textOf(file: string): string {
  return readFileSync(path.join(root, file), 'utf8').replaceAll("\\'", "'")
}

/** What stands before the colon: `F1–F4` and `F9, F11` and `F18 F25` alike. */
function numbersOf(title: string): number[] {
  const head = title.slice(0, title.indexOf(':'))
  return [...head.matchAll(/F(\d+)(?:–F(\d+))?/g)].flatMap(([, from, to = from]) =>
    Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => Number(from) + index),
  )
}

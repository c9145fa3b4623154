import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { everywhere, places, placesOf, type Place } from './where.ts'

const root = path.resolve(import.meta.dirname, '../..')

/** A table of things that must not happen: the letter of their numbers, how many there are, and where it stands. */
export interface Table {
  readonly letter: 'F' | 'A' | 'D'
  readonly count: number
  readonly page: string
}

export const tables: readonly Table[] = [
  { letter: 'F', count: 63, page: 'docs/failures.md' },
  { letter: 'A', count: 38, page: 'docs/corrections.md' },
  { letter: 'D', count: 12, page: 'docs/corrections.md' },
]

/** One of them. An entry is `` `file` › title ``, or says why there is no test. */
export interface Row {
  readonly number: number
  readonly what: string
  /** As it stands there: `everywhere`, `nowhere`, or names of places. */
  readonly where: string
  readonly entries: readonly string[]
}

export function pageOf({ page }: Table): string {
  return path.join(root, page)
}

export function readTable(table: Table): Row[] {
  const row = new RegExp(`^\\| ${table.letter}(\\d+) \\| (.+?) \\| (.+?) \\| (.+) \\|$`, 'gm')
  const rows = readFileSync(pageOf(table), 'utf8').matchAll(row)
  return [...rows].map(([, number, what = '', where = '', shown = '']) => ({
    number: Number(number),
    what,
    where,
    entries: shown.split('<br>'),
  }))
}

/** A row as the page holds it: tests first, then reasons. */
export function formatRow({ letter }: Table, { number, what, where, entries }: Row): string {
  const sorted = [...entries.filter((entry) => !isReason(entry)), ...entries.filter(isReason)]
  return `| ${letter}${number} | ${what} | ${where} | ${sorted.join('<br>')} |`
}

const reason = /^By construction(?: \(([^)]+)\))?: \S/

function isReason(entry: string): boolean {
  return reason.test(entry)
}

/** Where it can occur. Null: one of the names is none of a place. */
export function placesOfRow({ where }: Row): readonly Place[] | null {
  if (where === 'everywhere') return everywhere
  if (where === 'nowhere') return []
  return namedPlaces(where)
}

function namedPlaces(text: string): readonly Place[] | null {
  const names = text.split(', ')
  return names.every((name): name is Place => (places as readonly string[]).includes(name)) ? names : null
}

/** Where an entry counts: where its test runs, or what its reason names. A reason that names nothing is a note. */
export function placesOfEntry(entry: string): readonly Place[] | null {
  const [, named] = reason.exec(entry) ?? []
  if (named !== undefined) return namedPlaces(named)
  if (isReason(entry)) return []
  const { file, title } = parseEntry(entry)
  return placesOf(file, title)
}

/** Whether an entry is a reason, or names a test that is there. */
export function holds(entry: string): boolean {
  if (isReason(entry)) return true
  const { file, title } = parseEntry(entry)
  return title !== '' && existsSync(path.join(root, file)) && textOf(file).includes(title)
}

function parseEntry(entry: string): { file: string; title: string } {
  const [, file = '', title = ''] = /^`([^`]+)` › (.+)$/.exec(entry) ?? []
  return { file, title }
}

/** The entries that a row should have: every test whose title begins with its number. */
export function entriesInTests({ letter }: Table): Map<number, string[]> {
  const files = globSync(
    ['{packages,e2e,tooling,conformance}/**/*.test.ts', 'packages/core/src/testing/{store,engine,queue}/*.ts'],
    {
      cwd: root,
      exclude: (name) => name === 'node_modules' || name === 'dist',
    },
  )
  const found = new Map<number, string[]>()
  for (const file of files.sort()) {
    for (const [title] of textOf(file).matchAll(/(?<=['"`])[FA]\d[^\n:]*: [^\n]*?(?=['"`](?:,|:|\)))/g)) {
      const entry = `\`${file.split(path.sep).join('/')}\` › ${title}`
      for (const number of numbersOf(title, letter)) found.set(number, [...(found.get(number) ?? []), entry])
    }
  }
  return found
}

/** The text of a file as its titles read. */
function textOf(file: string): string {
  return readFileSync(path.join(root, file), 'utf8').replaceAll("\\'", "'")
}

/** What stands before the colon: `F1–F4` and `F9, F11` and `F18 A25` alike. */
function numbersOf(title: string, letter: string): number[] {
  const head = title.slice(0, title.indexOf(':'))
  return [...head.matchAll(new RegExp(`${letter}(\\d+)(?:–${letter}(\\d+))?`, 'g'))].flatMap(([, from, to = from]) =>
    Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => Number(from) + index),
  )
}

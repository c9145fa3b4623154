// Brings the lists of tests in docs/failures.md and docs/corrections.md up to date: adds what is new, drops what is gone.
//   node conformance/failures/update-table.ts
import { readFileSync, writeFileSync } from 'node:fs'
import { entriesInTests, formatRow, holds, pageOf, readTable, tables } from './table.ts'

for (const table of tables) {
  const inTests = entriesInTests(table)
  let text = readFileSync(pageOf(table), 'utf8')
  for (const row of readTable(table)) {
    const entries = new Set([...row.entries.filter(holds), ...(inTests.get(row.number) ?? [])])
    const line = formatRow(table, { ...row, entries: [...entries] })
    text = text.replace(new RegExp(`^\\| ${table.letter}${row.number} \\|.*$`, 'm'), () => line)
  }
  writeFileSync(pageOf(table), text)
}

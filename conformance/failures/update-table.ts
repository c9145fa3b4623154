// Brings the lists of tests in docs/failures.md up to date: adds what is new, drops what is gone.
//   node conformance/failures/update-table.ts
import { readFileSync, writeFileSync } from 'node:fs'
import { entriesInTests, formatRow, holds, page, readTable } from './table.ts'

const inTests = entriesInTests()
let text = readFileSync(page, 'utf8')
for (const row of readTable()) {
  const entries = new Set([...row.entries.filter(holds), ...(inTests.get(row.number) ?? [])])
  const line = formatRow({ ...row, entries: [...entries] })
  text = text.replace(new RegExp(`^\\| F${row.number} \\|.*$`, 'm'), () => line)
}
writeFileSync(page, text)

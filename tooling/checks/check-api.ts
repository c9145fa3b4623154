// Compares the public types of every package with packages/*/etc/*.api.md; with --update it writes those. The packages
// have to be built. Findings go to stdout, one per line.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { checkDoor, doors } from './api-report.ts'
import { report, root } from './source-files.ts'

const update = process.argv.includes('--update')
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-api-'))
try {
  const all = doors()
  const findings = all.flatMap((door) => checkDoor(door, { update, scratch }))
  const known = new Set(all.map(({ report: file }) => file))
  for (const folder of new Set([...known].map((file) => path.dirname(file)))) {
    const orphans = fs.readdirSync(folder).filter((name) => !known.has(path.join(folder, name)))
    findings.push(
      ...orphans.map((name) => ({
        path: path.relative(root, path.join(folder, name)),
        line: 1,
        message: 'reports on no door: delete it',
      })),
    )
  }
  process.exitCode = report(findings)
} finally {
  fs.rmSync(scratch, { recursive: true, force: true })
}

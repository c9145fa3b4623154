// oxlint with the exemptions of size-exemptions.json. Findings go to stdout, one per line.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { applyExemptions, type Diagnostic, type SizeExemption } from './exemptions.ts'
import exemptions from './size-exemptions.json' with { type: 'json' }
import { report, root } from './source-files.ts'

const programs = path.join(root, 'tooling/node_modules/.bin')
const { stdout, stderr, error } = spawnSync(path.join(programs, 'oxlint'), ['--type-aware', '--format=json'], {
  cwd: root,
  // oxlint looks for the type-aware part of itself in the PATH.
  env: { ...process.env, PATH: [programs, process.env['PATH']].join(path.delimiter) },
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
})
if (error) throw error
if (stderr.trim()) console.error(stderr)
if (!stdout.startsWith('{')) {
  console.log(stdout)
  process.exit(1)
}
const { diagnostics, number_of_files: files } = JSON.parse(stdout) as {
  diagnostics: readonly Diagnostic[]
  number_of_files: number
}
if (!files) throw new Error('oxlint looked at no file')
process.exit(report(applyExemptions(diagnostics, exemptions as readonly SizeExemption[])))

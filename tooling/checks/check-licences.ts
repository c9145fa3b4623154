// What comes with our packages may be used by everybody who uses them. Findings go to stdout, one per line.
import { execFileSync } from 'node:child_process'
import { publishedPackages } from '../packages.ts'
import { type Finding, report, root } from './source-files.ts'

/** Licences that ask for nothing but to be named. */
const permissive = new Set([
  ...[
    'MIT',
    'MIT-0',
    'ISC',
    '0BSD',
    'BSD-2-Clause',
    'BSD-3-Clause',
    'Apache-2.0',
    'Unlicense',
    'BlueOak-1.0.0',
    'CC0-1.0',
  ],
])

interface Licensed {
  readonly name: string
  readonly versions: readonly string[]
}

const filters = publishedPackages().flatMap(({ name }) => ['--filter', name])
const listed = execFileSync('pnpm', [...filters, 'licenses', 'list', '--prod', '--json'], {
  cwd: root,
  encoding: 'utf8',
})
const byLicence = JSON.parse(listed) as Readonly<Record<string, readonly Licensed[]>>
if (Object.keys(byLicence).length === 0) throw new Error('no dependency was looked at')

const findings = Object.entries(byLicence)
  // "(MIT OR CC0-1.0)": whoever uses it chooses.
  .filter(([licence]) => !licence.split(/[()]| OR /).some((choice) => permissive.has(choice)))
  .flatMap(([licence, packages]) =>
    packages.map(({ name, versions }): Finding => ({
      path: `${name}@${versions.join(', ')}`,
      line: 1,
      message: `has the licence ${licence}, which is none of ${[...permissive].join(', ')}`,
    })),
  )
process.exit(report(findings))

import fs from 'node:fs'
import path from 'node:path'
import type { Finding } from './source-files.ts'

type Exports = string | null | { readonly [condition: string]: Exports }

interface Manifest {
  readonly exports?: Exports
  readonly bin?: Readonly<Record<string, string>>
  readonly engines?: { readonly node?: string }
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

/** What every package says of itself. */
const required = ['description', 'keywords', 'license', 'repository', 'homepage', 'bugs', 'engines', 'sideEffects']
const requiredFiles = ['README.md', 'LICENSE']
/** What only this repository has a use for. `template/` is an app to copy, with its tests. */
const notPublished = /(^|\/)(src|test|node_modules|\.turbo)\/|\.test(-d)?\.|(^|\/)(tsup|vitest)\.config\.|(?<!\.d)\.ts$/
const copied = 'dist/template/'

/** What is wrong with an unpacked package; `name` is what findings call it. */
export function checkContents(folder: string, name: string): Finding[] {
  const text = fs.readFileSync(path.join(folder, 'package.json'), 'utf8')
  const manifest = JSON.parse(text) as Manifest
  const files = filesBelow(folder)
  const targets = [...targetsOf(manifest.exports ?? null), ...Object.values(manifest.bin ?? {})]
  const { dependencies = {}, peerDependencies = {} } = manifest
  const messages = [
    ...required.filter((field) => manifest[field] === undefined).map((field) => `has no ${field}`),
    ...requiredFiles.filter((file) => !files.includes(file)).map((file) => `has no ${file}`),
    ...targets
      .filter((file) => !files.includes(path.posix.normalize(file)))
      .map((file) => `promises ${file}, which is not in it`),
    ...files
      .filter((file) => notPublished.test(file) && !file.startsWith(copied))
      .map((file) => `has ${file}, which only this repository has a use for`),
    ...Object.entries({ ...dependencies, ...peerDependencies })
      .filter(([, range]) => /^(workspace|catalog|link|file):/.test(range))
      .map(([dependency, range]) => `asks for ${dependency} ${range}, which no registry knows`),
    ...(text.includes('pikku-source') ? ['exports sources that are not in it (pikku-source)'] : []),
  ]
  return messages.map((message) => ({ path: name, line: 1, message }))
}

function targetsOf(exports: Exports): string[] {
  if (exports === null) return []
  return typeof exports === 'string' ? [exports] : Object.values(exports).flatMap(targetsOf)
}

function filesBelow(folder: string): string[] {
  return fs
    .readdirSync(folder, { encoding: 'utf8', recursive: true })
    .filter((name) => fs.statSync(path.join(folder, name)).isFile())
    .map((name) => name.split(path.sep).join('/'))
}

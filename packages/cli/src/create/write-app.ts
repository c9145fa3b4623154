import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { cutFor } from './cut.ts'
import { storeNames, stores, type StoreName } from './stores.ts'

export interface NewApp {
  /** The folder of the template. */
  readonly template: string
  /** The folder of the app; it is made. */
  readonly folder: string
  readonly store: StoreName
}

interface Manifest {
  name: string
  dependencies: Record<string, string>
  [field: string]: unknown
}

/** npm would leave a file of this name out of a package. */
const renamed: Readonly<Record<string, string>> = { gitignore: '.gitignore' }

/**
 * Writes every file of the template, cut for the app's store.
 *
 * @throws Error when the folder has something in it, or is none
 */
export function writeApp({ template, folder, store }: NewApp): void {
  refuseOccupied(folder)
  for (const name of readdirSync(template, { encoding: 'utf8', recursive: true }).sort()) {
    const source = path.join(template, name)
    if (!statSync(source).isFile()) continue
    const target = path.join(folder, renamed[name] ?? name)
    const text = readFileSync(source, 'utf8')
    mkdirSync(path.dirname(target), { recursive: true })
    writeFileSync(target, name === 'package.json' ? manifestOf(text, folder, store) : cutFor(store, text))
  }
}

function refuseOccupied(folder: string): void {
  const present = statSync(folder, { throwIfNoEntry: false })
  if (present === undefined) return
  if (!present.isDirectory()) throw new Error(`${folder} is there already, and is no folder`)
  // A new repository is what many begin with.
  const found = readdirSync(folder).filter((name) => name !== '.git')
  if (found.length > 0) throw new Error(`${folder} is not empty (${found[0]}): name a folder that is, or a new one`)
}

function manifestOf(text: string, folder: string, store: StoreName): string {
  const { description, license, ...manifest }: Manifest = JSON.parse(text)
  const others = storeNames.filter((name) => name !== store).flatMap((name) => stores[name].packages)
  const dependencies = Object.entries(manifest.dependencies).filter(([name]) => !others.includes(name))
  const app = { ...manifest, name: packageName(folder), dependencies: Object.fromEntries(dependencies) }
  return `${JSON.stringify(app, null, 2)}\n`
}

/** What npm takes as a name: lower case, without what begins a hidden file. */
function packageName(folder: string): string {
  const name = path
    .basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replaceAll(/^[._-]+|[._-]+$/g, '')
  return name === '' ? 'my-app' : name
}

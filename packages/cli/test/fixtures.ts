import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'

const here = import.meta.dirname
export const packageRoot = path.dirname(here)
export const fixtures = path.join(here, 'fixtures')

/** A fresh folder, deleted when the test is over, that finds this package's dependencies. */
export function scratchFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'pikku-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  symlinkSync(path.join(packageRoot, 'node_modules'), path.join(folder, 'node_modules'))
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }')
  return folder
}

/** A fixture's project in a fresh folder. */
export function projectOf(name: string, folder = scratchFolder()): string {
  const project = path.join(folder, name)
  cpSync(path.join(fixtures, name, 'in'), project, { recursive: true })
  return project
}

/** A small project with this configuration and these files. */
export function writeProject(files: Readonly<Record<string, string>>): string {
  const project = projectOf('empty')
  for (const [name, text] of Object.entries(files)) writeFile(path.join(project, name), text)
  return project
}

export function writeFile(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
}

/** Every file below this folder with its text, by relative name, symbolic links left out. */
export function filesOf(folder: string, below = ''): Record<string, string> {
  if (!existsSync(path.join(folder, below))) return {}
  const found: Record<string, string> = {}
  for (const entry of readdirSync(path.join(folder, below), { withFileTypes: true })) {
    const name = path.posix.join(below, entry.name)
    if (entry.isDirectory()) Object.assign(found, filesOf(folder, name))
    else if (entry.isFile()) found[name] = readFileSync(path.join(folder, name), 'utf8')
  }
  return found
}

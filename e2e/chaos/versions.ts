import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { runPikku } from '../harness/generate.ts'

const e2e = path.resolve(import.meta.dirname, '..')
const app = path.join(e2e, 'app')

export type Version = 1 | 2

/** Both versions of the app, generated and compiled as users do it. */
export class Versions {
  readonly #folder: string

  constructor() {
    // Below this package, so that its dependencies are found; not in its source.
    this.#folder = path.join(e2e, 'dist', `chaos-${process.pid}`)
    for (const version of [1, 2] as const) build(this.#folderOf(version), version)
  }

  fileOf(version: Version, role: string): string {
    return path.join(this.#folderOf(version), 'js', 'chaos', `${role}.js`)
  }

  dispose(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #folderOf(version: Version): string {
    return path.join(this.#folder, `version-${version}`)
  }
}

function build(folder: string, version: Version): void {
  mkdirSync(folder, { recursive: true })
  for (const name of ['src', 'pikku.config.json', 'tsconfig.json']) {
    cpSync(path.join(app, name), path.join(folder, name), { recursive: true })
  }
  if (version === 2) {
    edit(path.join(folder, 'src/chaos/version.ts'), 'version: number = 1', 'version: number = 2')
    edit(path.join(folder, 'src/chaos/workflows.ts'), '// version 2: ', '')
  }
  runPikku(folder)
  const tsc = path.join(e2e, 'node_modules/.bin/tsc')
  const emit = ['--noEmit', 'false', '--rootDir', path.join(folder, 'src'), '--outDir', path.join(folder, 'js')]
  execFileSync(tsc, ['-p', folder, ...emit], { stdio: 'inherit' })
}

/** What is not there cannot be another version. */
function edit(file: string, from: string, to: string): void {
  const text = readFileSync(file, 'utf8')
  if (text.split(from).length !== 2) throw new Error(`${file} holds '${from}' not once`)
  writeFileSync(file, text.replace(from, to))
}

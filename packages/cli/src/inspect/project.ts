import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { createPathsMatcher, type TsConfigResult } from 'get-tsconfig'
import type { Expression, Node } from 'oxc-parser'
import type { Config } from '../config/config.ts'
import type { Diagnostics } from '../diagnostics.ts'
import { byCodePoint } from '../order.ts'
import { SourceFile, type ImportedName } from './source-file.ts'
import { unwrap, type FunctionNode } from './syntax.ts'

/** An expression and the file it stands in. */
export interface Found<T extends Node = Node> {
  readonly source: SourceFile
  readonly node: T
}

const sourceName = /(?<!\.d)\.[cm]?tsx?$/
const testName = /\.(?:test|spec)\.[cm]?tsx?$/
/** What mentions none of these has nothing to tell. */
const helperNames = /pikkuSessionlessFunc|pikkuWorkflowFunc|wireWorkflow|wireQueueWorker/

/** The user's files: read on demand, each once. */
export class Project {
  readonly #config: Config
  readonly #diagnostics: Diagnostics
  readonly #files = new Map<string, SourceFile | undefined>()
  readonly #aliases: ((specifier: string) => string[]) | null

  constructor(config: Config, tsconfig: TsConfigResult, diagnostics: Diagnostics) {
    this.#config = config
    this.#diagnostics = diagnostics
    this.#aliases = createPathsMatcher(tsconfig)
  }

  /** Every file below srcDirectories that uses a generated helper, in the order of their names. */
  definingFiles(): SourceFile[] {
    const directories = [...new Set(this.#config.srcDirectories)]
    const paths = new Set(directories.flatMap((directory) => this.#list(directory)))
    return [...paths]
      .filter((file) => file !== this.#config.output)
      .sort((a, b) => byCodePoint(this.nameOf(a), this.nameOf(b)))
      .filter((file) => helperNames.test(readFileSync(file, 'utf8')))
      .map((file) => this.read(file))
      .filter((file) => file !== undefined)
  }

  /** Relative to the project, with forward slashes. */
  nameOf(file: string): string {
    return path.relative(this.#config.root, file).split(path.sep).join('/')
  }

  read(file: string): SourceFile | undefined {
    if (!this.#files.has(file)) {
      const there = statSync(file, { throwIfNoEntry: false })?.isFile() === true
      const name = this.nameOf(file)
      this.#files.set(
        file,
        there ? new SourceFile({ path: file, name, text: readFileSync(file, 'utf8') }, this.#diagnostics) : undefined,
      )
    }
    return this.#files.get(file)
  }

  /** What an expression stands for: through constants, imports and re-exports. Undefined where that cannot be seen. */
  resolve({ source, node }: Found): Found | undefined {
    const bare = unwrap(node)
    if (bare.type !== 'Identifier') return { source, node: bare }
    return this.#resolveName(source, bare.name, new Set())
  }

  /** True when this name is exported, be it through other files. */
  exports(source: SourceFile, name: string): boolean {
    return this.#findExport(source, name, new Set()) !== undefined
  }

  #resolveName(source: SourceFile, name: string, seen: Set<string>): Found | undefined {
    const key = `${source.path}\0${name}`
    if (seen.has(key)) return undefined
    seen.add(key)
    const value: Expression | FunctionNode | undefined = source.values.get(name)
    if (value !== undefined) {
      const bare = unwrap(value)
      return bare.type === 'Identifier' ? this.#resolveName(source, bare.name, seen) : { source, node: bare }
    }
    const imported = source.imports.get(name)
    return imported && this.#resolveImport(source, imported, seen)
  }

  #resolveImport(source: SourceFile, { specifier, imported }: ImportedName, seen: Set<string>): Found | undefined {
    const target = this.#locate(source, specifier)
    const exported = target && this.#findExport(target, imported, new Set())
    return exported && this.#resolveName(exported.source, exported.local, seen)
  }

  #findExport(source: SourceFile, name: string, seen: Set<string>): { source: SourceFile; local: string } | undefined {
    const key = `${source.path}\0${name}`
    if (seen.has(key)) return undefined
    seen.add(key)
    for (const { exported, local, from } of source.exports) {
      if (exported !== name && exported !== '*') continue
      if (from === undefined) return { source, local: local ?? 'default' }
      const target = this.#locate(source, from.specifier)
      const found = target && this.#findExport(target, exported === '*' ? name : from.imported, seen)
      if (found) return found
    }
    return undefined
  }

  #locate(from: SourceFile, specifier: string): SourceFile | undefined {
    const bases = /^\.\.?(?:\/|$)/.test(specifier) ? [from.beside(specifier)] : (this.#aliases?.(specifier) ?? [])
    return bases
      .flatMap(candidates)
      .map((file) => this.read(file))
      .find((file) => file !== undefined)
  }

  #list(directory: string): string[] {
    const problem = problemOf(directory)
    if (problem !== null) {
      const file = path.basename(this.#config.file)
      this.#diagnostics.error(
        { file },
        `srcDirectories: found "${this.nameOf(directory)}", which ${problem}; accepted: folders of TypeScript files`,
      )
      return []
    }
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
      const file = path.join(directory, entry.name)
      if (entry.isDirectory()) {
        const skipped = entry.name === 'node_modules' || entry.name.startsWith('.') || file === this.#config.outDir
        return skipped ? [] : this.#list(file)
      }
      return entry.isFile() && sourceName.test(entry.name) && !testName.test(entry.name) ? [file] : []
    })
  }
}

/** Why a path cannot be listed; null when it can. */
function problemOf(directory: string): string | null {
  try {
    return statSync(directory).isDirectory() ? null : 'is no folder'
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    return isMissing ? 'does not exist' : `cannot be read (${error instanceof Error ? error.message : String(error)})`
  }
}

/** The source files that a path in an import may mean. */
function candidates(base: string): string[] {
  const js = /\.([cm]?)js(x?)$/.exec(base)
  const stem = js ? base.slice(0, js.index) : base
  return [
    ...(sourceName.test(base) ? [base] : []),
    ...(js ? [`${stem}.${js[1]}ts`, `${stem}.tsx`] : []),
    `${base}.ts`,
    `${base}.tsx`,
    path.join(base, 'index.ts'),
  ]
}

import { readFileSync } from 'node:fs'
import path from 'node:path'
import {
  findNodeAtLocation,
  getNodeValue,
  parseTree,
  printParseErrorCode,
  type Node,
  type ParseError,
} from 'jsonc-parser'
import { lineAndColumn, type Diagnostics } from '../diagnostics.ts'
import { didYouMean } from '../nearest.ts'
import { topLevelKeys, workflowsKeys, type KeyRule } from './keys.ts'

export const defaultConfigFile = 'pikku.config.json'

/** `pikku.config.json` with its defaults filled in; every path is absolute. */
export interface Config {
  /** The configuration itself. */
  readonly file: string
  /** The folder of the file: what its paths are relative to. */
  readonly root: string
  /** Decides how import specifiers of the generated file end. */
  readonly tsconfig: string
  /** Where functions and wirings are looked for. */
  readonly srcDirectories: readonly string[]
  /** The module of `createSingletonServices`. */
  readonly services: string
  /** Where `workflows.json` goes. */
  readonly outDir: string
  /** The generated TypeScript file. */
  readonly output: string
  /** The queue that carries runs. */
  readonly orchestratorQueue: string
  /** The queue that carries steps. */
  readonly workerQueue: string
}

/** The configuration in this file, or undefined with every mistake in it reported. */
export function readConfig(file: string, diagnostics: Diagnostics): Config | undefined {
  const name = path.basename(file)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    diagnostics.error(
      { file: name },
      `cannot be read (${error instanceof Error ? error.message : String(error)}); accepted: a JSON file like ` +
        '{ "workflows": { "singleQueue": true, "path": "src/workflows/pikku.workflows.gen.ts" } }',
    )
    return undefined
  }
  // Some editors begin a file with a byte order mark.
  const reader = new ConfigReader(name, text.replace(/^\ufeff/, ''), diagnostics)
  return reader.read() ? complete(file, reader) : undefined
}

/** Comments are allowed, as in tsconfig.json. */
class ConfigReader {
  readonly #name: string
  readonly #text: string
  readonly #diagnostics: Diagnostics
  readonly #root: Node | undefined
  readonly #mistakes: ParseError[] = []

  constructor(name: string, text: string, diagnostics: Diagnostics) {
    this.#name = name
    this.#text = text
    this.#diagnostics = diagnostics
    this.#root = nestsDeeply(text) ? undefined : parseTree(text, this.#mistakes)
  }

  /** False when anything is wrong. */
  read(): boolean {
    if (this.#root === undefined && nestsDeeply(this.#text)) {
      this.#fail(0, 'nests too deeply to be read; accepted: an object with the keys of pikku.config.json')
      return false
    }
    // The first one: those after it are mostly its consequences.
    const [mistake] = this.#mistakes
    if (mistake) {
      const words = printParseErrorCode(mistake.error)
        .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
        .toLowerCase()
      this.#fail(mistake.offset, `not valid JSON: ${words}; accepted: JSON, with comments if you like`)
      return false
    }
    if (this.#root?.type !== 'object') {
      this.#fail(0, `found ${this.#found(this.#root)}; accepted: an object`)
      return false
    }
    const good = this.#checkKeys(this.#root, '', topLevelKeys)
    const workflows = findNodeAtLocation(this.#root, ['workflows'])
    const goodInside = workflows?.type !== 'object' || this.#checkKeys(workflows, 'workflows.', workflowsKeys)
    return good && goodInside
  }

  string(keys: readonly string[], fallback: string): string {
    const value = this.#value(keys)
    return typeof value === 'string' ? value : fallback
  }

  strings(keys: readonly string[], fallback: readonly string[]): readonly string[] {
    const value = this.#value(keys)
    return Array.isArray(value) ? value.map(String) : fallback
  }

  fail(keys: readonly string[], message: string): void {
    const node = this.#root && findNodeAtLocation(this.#root, [...keys])
    this.#fail(node?.offset ?? 0, `${keys.join('.')}: ${message}`)
  }

  #value(keys: readonly string[]): unknown {
    const node = this.#root && findNodeAtLocation(this.#root, [...keys])
    return node && getNodeValue(node)
  }

  #checkKeys(object: Node, prefix: string, rules: Readonly<Record<string, KeyRule>>): boolean {
    let good = true
    const fail = (offset: number, message: string) => {
      good = false
      this.#fail(offset, message)
    }
    const given = new Set<string>()
    for (const { children = [] } of object.children ?? []) {
      const [key, value] = children
      if (key === undefined || value === undefined) continue
      const name = String(key.value)
      const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
      if (rule === undefined) {
        const accepted = Object.keys(rules).join(', ')
        fail(key.offset, `${prefix}${name}: unknown key${didYouMean(name, Object.keys(rules))}; accepted: ${accepted}`)
      } else if (given.has(name)) {
        fail(key.offset, `${prefix}${name}: found twice; accepted: once`)
      } else if (!rule.accepts(getNodeValue(value))) {
        fail(value.offset, `${prefix}${name}: found ${this.#found(value)}; accepted: ${rule.accepted}`)
      }
      given.add(name)
    }
    for (const [name, { required, accepted }] of Object.entries(rules)) {
      if (required && !given.has(name)) fail(object.offset, `${prefix}${name}: missing; accepted: ${accepted}`)
    }
    return good
  }

  #found(node: Node | undefined): string {
    const text = node === undefined ? 'nothing' : this.#text.slice(node.offset, node.offset + node.length)
    const line = text.replaceAll(/\s+/g, ' ')
    return line.length > 60 ? `${line.slice(0, 57)}...` : line
  }

  #fail(offset: number, message: string): void {
    this.#diagnostics.error({ file: this.#name, ...lineAndColumn(this.#text, offset) }, message)
  }
}

/** Reading recurses: what nests like this would use up the stack. No configuration does. */
function nestsDeeply(text: string): boolean {
  return text.replaceAll(/[^[{]/g, '').length > 500
}

function complete(file: string, reader: ConfigReader): Config | undefined {
  const root = path.dirname(file)
  const inRoot = (relative: string) => path.resolve(root, relative)
  const config: Config = {
    file,
    root,
    tsconfig: inRoot(reader.string(['tsconfig'], 'tsconfig.json')),
    srcDirectories: reader.strings(['srcDirectories'], ['src']).map(inRoot),
    services: inRoot(reader.string(['services'], 'src/services.ts')),
    outDir: inRoot(reader.string(['outDir'], '.pikku')),
    output: inRoot(reader.string(['workflows', 'path'], 'src/workflows/pikku.workflows.gen.ts')),
    orchestratorQueue: reader.string(['workflows', 'orchestratorQueue'], 'pikku-workflow-orchestrator'),
    workerQueue: reader.string(['workflows', 'workerQueue'], 'pikku-workflow-step-worker'),
  }
  if (config.orchestratorQueue === config.workerQueue) {
    reader.fail(
      ['workflows', 'workerQueue'],
      `found "${config.workerQueue}", the orchestrator's queue; accepted: another name`,
    )
    return undefined
  }
  return config
}

import { isBuiltin } from 'node:module'
import path from 'node:path'
import { parseSync, Visitor } from 'oxc-parser'
import { type Finding, lineAt, type SourceFile } from './source-files.ts'

/** One import, re-export or `import()` of a file. */
interface Import {
  readonly specifier: string
  readonly typeOnly: boolean
  readonly offset: number
}

interface ParsedFile extends SourceFile {
  readonly imports: readonly Import[]
}

/** Which folders of core each folder may import. A folder that is missing here is an error. */
const coreLayers: Readonly<Record<string, readonly string[]>> = {
  contract: [],
  domain: ['contract'],
  replay: ['contract', 'domain'],
  memory: ['contract', 'domain', 'queue'],
  engine: ['contract', 'domain', 'replay'],
  queue: ['contract', 'domain', 'engine'],
  define: ['contract', 'domain'],
  service: ['contract', 'domain', 'define', 'engine', 'memory', 'queue'],
  index: ['contract', 'domain', 'replay', 'memory', 'engine', 'queue', 'define', 'service'],
  testing: ['contract', 'domain', 'replay', 'memory', 'engine', 'queue', 'define', 'service'],
}

/** Folders of core that a folder may see the types of, and nothing more: who runs a definition or starts a replay makes none. */
const coreTypesOnly: Readonly<Record<string, readonly string[]>> = { engine: ['define'], service: ['replay'] }

/** Decide purely: same inputs, same decision, on every machine and at every time. */
const pureLayers = new Set(['contract', 'domain', 'replay'])
const impureNames = new Set([
  'performance',
  'process',
  'globalThis',
  'crypto',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
])
const impureMembers = new Set(['Date.now', 'Math.random'])

const testRunners = /^(node:test|bun:test|vitest|@?jest|mocha|ava|tap|uvu|@playwright\/test)\b/

/** What may be imported of core by a package that is not core. */
const coreDoors = new Set([
  '@pikku/core',
  '@pikku/core/contract',
  '@pikku/core/queue',
  '@pikku/core/service',
  '@pikku/core/testing',
])

/** Checks the import directions of the architecture (ARCHITECTURE.md) and the purity of core's inner folders. */
export function checkImports(files: readonly SourceFile[]): Finding[] {
  const parsed = files.map(parse)
  const findings = parsed.flatMap((file) => [
    ...file.imports.flatMap((each) => finding(file, each.offset, whyForbidden(file, each))),
    ...impurities(file),
  ])
  return [...findings, ...cycles(parsed)]
}

function parse(file: SourceFile): ParsedFile {
  const { module } = parseSync(file.path, file.text)
  const imports: Import[] = []
  for (const { moduleRequest, entries } of module.staticImports) {
    const typeOnly = entries.length > 0 && entries.every((entry) => entry.isType)
    imports.push({ specifier: moduleRequest.value, typeOnly, offset: moduleRequest.start })
  }
  for (const { moduleRequest, isType } of module.staticExports.flatMap((statement) => statement.entries)) {
    if (moduleRequest) imports.push({ specifier: moduleRequest.value, typeOnly: isType, offset: moduleRequest.start })
  }
  for (const { moduleRequest } of module.dynamicImports) {
    const specifier = /^(['"`])([^'"`$]*)\1$/.exec(file.text.slice(moduleRequest.start, moduleRequest.end))?.[2]
    if (specifier) imports.push({ specifier, typeOnly: false, offset: moduleRequest.start })
  }
  return { ...file, imports }
}

function finding(file: SourceFile, offset: number, message: string | undefined): Finding[] {
  return message ? [{ path: file.path, line: lineAt(file.text, offset), message }] : []
}

function whyForbidden(file: ParsedFile, each: Import): string | undefined {
  const { specifier, typeOnly } = each
  const owner = packageOf(file.path)
  const target = specifier.startsWith('.') ? resolve(file.path, specifier) : undefined
  if (target && packageOf(target) !== owner) return `${specifier} leaves the package; import the other one by its name`
  if (owner.startsWith('templates/')) return whyNotInTemplate(specifier)
  if (isTest(file.path) || !file.path.startsWith(`${owner}/src/`)) return undefined
  if (owner === 'packages/core') return whyNotInCore(file.path, each, target)
  if (!specifier.startsWith('@pikku/')) return undefined
  if (owner === 'packages/cli') return typeOnly ? undefined : `the CLI imports only types of ${specifier}`
  return whyNotInAdapter(file.path, specifier)
}

function whyNotInTemplate(specifier: string): string | undefined {
  return specifier.startsWith('@pikku/tooling') ? 'a template is copied: it imports published packages only' : undefined
}

function whyNotInCore(file: string, { specifier, typeOnly }: Import, target: string | undefined): string | undefined {
  const from = layerOf(file)
  const mayImport = coreLayers[from]
  if (!mayImport) return `packages/core/src/${from} has no place in the architecture (see tooling/checks/imports.ts)`
  if (!target) {
    if (specifier.startsWith('@pikku/')) return `core does not import ${specifier}`
    if (from === 'testing' && testRunners.test(specifier)) return 'the kit imports no test runner: it is handed one'
    if (pureLayers.has(from) && isBuiltin(specifier)) return `${from} is pure: it imports no ${specifier}`
    return undefined
  }
  const to = layerOf(target)
  const allowed = to === from || mayImport.includes(to) || (typeOnly && coreTypesOnly[from]?.includes(to))
  return allowed ? undefined : `${from} does not import ${to}`
}

function whyNotInAdapter(file: string, specifier: string): string | undefined {
  if (specifier === '@pikku/core/contract') return undefined
  if (!coreDoors.has(specifier)) return `an adapter imports nothing of ${specifier}`
  if (specifier === '@pikku/core/queue' && file.startsWith('packages/queue-')) return undefined
  if (specifier === '@pikku/core/service' && isFacade(file)) return undefined
  return `an adapter imports @pikku/core/contract (a queue also @pikku/core/queue), its façade (*-workflow-service.ts, *-queue-workers.ts) also @pikku/core/service`
}

const isFacade = (file: string) => /-(workflow-service|queue-workers)\.ts$/.test(file)
const isTest = (file: string) => /\.test(-d)?\.ts$/.test(file)
const packageOf = (file: string) => file.split('/').slice(0, 2).join('/')
const resolve = (file: string, specifier: string) => path.posix.join(path.posix.dirname(file), specifier)

/** The folder below `packages/core/src`; the files in `src` itself are the layer `index`. */
function layerOf(file: string): string {
  const [first = '', second] = file.replace(/^packages\/core\/src\//, '').split('/')
  return second === undefined ? 'index' : first
}

function impurities(file: ParsedFile): Finding[] {
  if (!file.path.startsWith('packages/core/src/') || isTest(file.path)) return []
  const layer = layerOf(file.path)
  if (!pureLayers.has(layer)) return []
  const found: Finding[] = []
  const add = (offset: number, what: string) =>
    found.push(...finding(file, offset, `${layer} is pure: it uses no ${what}`))
  const names = new Set<number>() // Offsets of identifiers that are keys and not references, or already reported.
  const key = (node: { key: { start: number }; computed: boolean; shorthand?: boolean }) => {
    if (!node.computed && !node.shorthand) names.add(node.key.start)
  }
  new Visitor({
    Property: key,
    PropertyDefinition: key,
    MethodDefinition: key,
    TSPropertySignature: key,
    TSMethodSignature: key,
    MemberExpression(node) {
      if (node.computed) return
      names.add(node.property.start)
      if (node.object.type !== 'Identifier' || node.property.type !== 'Identifier') return
      const member = `${node.object.name}.${node.property.name}`
      if (impureMembers.has(member)) add(node.start, member)
    },
    NewExpression(node) {
      const isNow = node.callee.type === 'Identifier' && node.callee.name === 'Date' && node.arguments.length === 0
      if (isNow) add(node.start, 'new Date()')
    },
    Identifier(node) {
      if (!impureNames.has(node.name) || names.has(node.start)) return
      names.add(node.start) // A shorthand property is visited twice, as key and as value.
      add(node.start, node.name)
    },
  }).visit(parseSync(file.path, file.text).program)
  return found
}

/** Type imports count too: files that need each other cannot be read one at a time. */
function cycles(files: readonly ParsedFile[]): Finding[] {
  const graph = new Map(
    files.map((file) => [file.path, file.imports.filter(isRelative).map((each) => resolve(file.path, each.specifier))]),
  )
  const found: Finding[] = []
  const done = new Set<string>()
  const visit = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file)
    if (start >= 0) {
      const cycle = [...trail.slice(start), file].map((each) => path.posix.basename(each)).join(' → ')
      found.push({ path: file, line: 1, message: `import cycle: ${cycle}` })
      return
    }
    if (done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...trail, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  return found
}

const isRelative = ({ specifier }: Import) => specifier.startsWith('.')

import { parseSync, Visitor } from 'oxc-parser'
import type { Finding, SourceFile } from './source-files.ts'

/** The ports of core that adapters implement, and the suites of the kit that hold an implementation to its contract. */
const suitesOf: Readonly<Record<string, readonly string[]>> = {
  WorkflowStore: ['defineWorkflowStoreTests', 'defineModelTests', 'defineEngineTests'],
  QueueService: ['defineQueueServiceTests', 'defineEngineTests'],
}

/** They see the ports and implement none. */
const noAdapters = new Set(['packages/cli'])

/** Every package that implements a port calls that port's suites in its tests, and whoever sees the ports implements one. */
export function checkSuites(files: readonly SourceFile[]): Finding[] {
  const packages = Map.groupBy(files, ({ path }) => path.split('/').slice(0, 2).join('/'))
  return [...packages].flatMap(([folder, own]) => {
    const messages = folder.startsWith('packages/') ? missing(folder, own) : []
    return messages.map((message) => ({ path: `${folder}/package.json`, line: 1, message }))
  })
}

function missing(folder: string, files: readonly SourceFile[]): string[] {
  const tests = files.filter(({ path }) => path.endsWith('.test.ts'))
  const sources = files.filter((file) => file.path.startsWith(`${folder}/src/`) && !tests.includes(file))
  const implemented = new Set(sources.flatMap(portsIn))
  const called = new Set(tests.flatMap(suitesCalledIn))
  if (implemented.size === 0 && !noAdapters.has(folder) && sources.some(seesPorts)) {
    return [`it sees the ports of core; no class of it implements ${Object.keys(suitesOf).join(' or ')}`]
  }
  return [...implemented].flatMap((port) =>
    (suitesOf[port] ?? [])
      .filter((suite) => !called.has(suite))
      .map((suite) => `it implements ${port}, and no test of it calls ${suite}`),
  )
}

function seesPorts({ text }: SourceFile): boolean {
  return /from '@pikku\/core\/contract'/.test(text)
}

function portsIn({ path, text }: SourceFile): string[] {
  const found: string[] = []
  new Visitor({
    ClassDeclaration(node) {
      for (const { expression } of node.implements ?? []) {
        if (expression.type === 'Identifier' && expression.name in suitesOf) found.push(expression.name)
      }
    },
  }).visit(parseSync(path, text).program)
  return found
}

/** Only what comes from the kit counts, whatever else has its name. */
function suitesCalledIn({ path, text }: SourceFile): string[] {
  const { module, program } = parseSync(path, text)
  const imported = new Map<string, string>()
  for (const { moduleRequest, entries } of module.staticImports) {
    if (!/^@pikku\/core\/testing$|\/testing\/index\.ts$/.test(moduleRequest.value)) continue
    for (const { importName, localName } of entries) imported.set(localName.value, importName.name ?? '')
  }
  const found: string[] = []
  new Visitor({
    CallExpression({ callee }) {
      const suite = callee.type === 'Identifier' && imported.get(callee.name)
      if (suite) found.push(suite)
    },
  }).visit(program)
  return found
}

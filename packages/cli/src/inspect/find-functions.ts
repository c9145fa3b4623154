import type { RpcModel } from '../model/workflow-model.ts'
import { formatPosition, type Diagnostics } from '../diagnostics.ts'
import { byCodePoint } from '../order.ts'
import { calledHelper, type DefinitionReader, type Inspection } from './definition.ts'
import type { SourceFile } from './source-file.ts'
import { unwrap } from './syntax.ts'

/** Every exported pikkuSessionlessFunc of these files, by name. */
export function findFunctions(
  files: readonly SourceFile[],
  definitions: DefinitionReader,
  { diagnostics }: Inspection,
): RpcModel[] {
  const found = new Map<string, RpcModel>()
  for (const source of files) {
    for (const rpc of functionsOf(source, definitions, { diagnostics })) {
      const first = found.get(rpc.name)
      if (first === undefined) found.set(rpc.name, rpc)
      else {
        diagnostics.error(
          rpc.position,
          `a function named '${rpc.name}' exists already (${formatPosition(first.position)}): rename one, or give it another \`name\``,
        )
      }
    }
  }
  return [...found.values()].sort((a, b) => byCodePoint(a.name, b.name))
}

function* functionsOf(
  source: SourceFile,
  definitions: DefinitionReader,
  { diagnostics }: Pick<Inspection, 'diagnostics'>,
): Generator<RpcModel> {
  for (const { exported, local = 'default', from } of source.exports) {
    refuseVariable(source, local, diagnostics)
    const value = from === undefined ? source.values.get(local) : undefined
    const node = value && unwrap(value)
    if (node?.type !== 'CallExpression' || calledHelper(source, node) !== 'pikkuSessionlessFunc') continue
    const definition = definitions.read({ source, node }, 'pikkuSessionlessFunc')
    if (definition === undefined) continue
    const name = definition.name ?? exported
    const position = source.position(node.start)
    if (definition.name === undefined && exported === 'default') {
      diagnostics.error(position, 'a default export has no name to be called by: add `name`, or export it as a const')
      continue
    }
    const { input, output, description, tags } = definition
    yield {
      name,
      input,
      output,
      tags,
      ...(description === undefined ? {} : { description }),
      position,
      module: source.path,
      exportName: exported,
    }
  }
}

function refuseVariable(source: SourceFile, name: string, diagnostics: Diagnostics): void {
  const value = source.variables.get(name)
  const node = value && unwrap(value)
  if (node && calledHelper(source, node) === 'pikkuSessionlessFunc') {
    diagnostics.error(
      source.position(node.start),
      `'${name}' may change, so it is no function of the app: export it as a const`,
    )
  }
}

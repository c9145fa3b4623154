import type { CallExpression, Node, ObjectExpression } from 'oxc-parser'
import type { Diagnostics } from '../diagnostics.ts'
import type { TypePair } from '../model/workflow-model.ts'
import type { Found, Project } from './project.ts'
import type { SourceFile } from './source-file.ts'
import { isFunction, literalText, property, unwrap, type FunctionNode } from './syntax.ts'
import type { TypeText } from './type-text.ts'

export type Helper = 'pikkuSessionlessFunc' | 'pikkuWorkflowFunc' | 'wireWorkflow' | 'wireQueueWorker'

const helpers: ReadonlySet<string> = new Set<Helper>([
  'pikkuSessionlessFunc',
  'pikkuWorkflowFunc',
  'wireWorkflow',
  'wireQueueWorker',
])

/** What inspection works with. */
export interface Inspection {
  readonly project: Project
  readonly types: TypeText
  readonly diagnostics: Diagnostics
}

/** What a call of pikkuSessionlessFunc or pikkuWorkflowFunc says. */
export interface Definition extends TypePair {
  readonly name: string | undefined
  readonly description: string | undefined
  readonly tags: readonly string[]
  readonly func: Found<FunctionNode> | undefined
}

/** The generated helper that this node calls, under whatever name it was imported. */
export function calledHelper(source: SourceFile, node: Node): Helper | undefined {
  if (node.type !== 'CallExpression') return undefined
  const { callee } = node
  if (callee.type === 'Identifier') return asHelper(source.imports.get(callee.name)?.imported)
  if (callee.type !== 'MemberExpression' || callee.object.type !== 'Identifier') return undefined
  if (source.imports.get(callee.object.name)?.imported !== '*' || callee.property.type !== 'Identifier')
    return undefined
  return asHelper(callee.property.name)
}

function asHelper(name: string | undefined): Helper | undefined {
  return name !== undefined && helpers.has(name) ? (name as Helper) : undefined
}

/** Reads a definition once; what is wrong with it is reported once, however often it is used. */
export class DefinitionReader {
  readonly #inspection: Inspection
  readonly #read = new Map<Node, Definition | undefined>()

  constructor(inspection: Inspection) {
    this.#inspection = inspection
  }

  read({ source, node }: Found<CallExpression>, helper: Helper): Definition | undefined {
    if (!this.#read.has(node)) this.#read.set(node, this.#define(source, node, helper))
    return this.#read.get(node)
  }

  #define(source: SourceFile, call: CallExpression, helper: Helper): Definition | undefined {
    const { project, diagnostics } = this.#inspection
    const [argument] = call.arguments
    const given = argument && project.resolve({ source, node: argument })
    if (given === undefined || (!isFunction(given.node) && given.node.type !== 'ObjectExpression')) {
      diagnostics.error(
        source.position(argument?.start ?? call.start),
        `${helper}: the definition cannot be resolved; give the function, or { func, … }, here or as a const`,
      )
      return undefined
    }
    const options = given.node.type === 'ObjectExpression' ? given.node : undefined
    const types = this.#types(source, call, { helper, options, optionsSource: given.source })
    if (types === undefined) return undefined
    return {
      ...types,
      name: options && readText(this.#inspection, { source: given.source, object: options, key: 'name' }),
      description:
        options && readText(this.#inspection, { source: given.source, object: options, key: 'description' }, true),
      tags: options ? readTags(project, given.source, options) : [],
      func: this.#func(given, options),
    }
  }

  #func(given: Found, options: ObjectExpression | undefined): Found<FunctionNode> | undefined {
    const value = options ? property(options, 'func') : undefined
    const found = value ? this.#inspection.project.resolve({ source: given.source, node: value }) : given
    return found && isFunction(found.node) ? { source: found.source, node: found.node } : undefined
  }

  #types(
    source: SourceFile,
    call: CallExpression,
    {
      helper,
      options,
      optionsSource,
    }: { helper: Helper; options: ObjectExpression | undefined; optionsSource: SourceFile },
  ): TypePair | undefined {
    const { types, diagnostics } = this.#inspection
    const [input, output] = call.typeArguments?.params ?? []
    if (input !== undefined) {
      return { input: types.ofType(source, input), output: output ? types.ofType(source, output) : 'unknown' }
    }
    const inputSchema = options && property(options, 'input')
    const outputSchema = options && property(options, 'output')
    if (inputSchema === undefined && outputSchema === undefined) {
      diagnostics.error(
        source.position(call.start),
        `${helper}: In and Out are not stated; write ${helper}<In, Out>(…), or give \`input\` and \`output\` schemas`,
      )
      return undefined
    }
    const inputType = inputSchema && types.ofConstant(optionsSource, unwrap(inputSchema), 'the input schema')
    const outputType = outputSchema && types.ofConstant(optionsSource, unwrap(outputSchema), 'the output schema')
    return {
      input: inputType ? `import('@pikku/core').SchemaInput<${inputType}>` : 'void',
      output: outputType ? `import('@pikku/core').SchemaOutput<${outputType}>` : 'unknown',
    }
  }
}

/** A property that must be readable without running the code; one that is not is reported, unless it is only told to tools. */
export function readText(
  { project, diagnostics }: Pick<Inspection, 'project' | 'diagnostics'>,
  { source, object, key }: { source: SourceFile; object: ObjectExpression; key: string },
  onlyForTools = false,
): string | undefined {
  const value = property(object, key)
  if (value === undefined) return undefined
  const found = project.resolve({ source, node: value })
  const text = found && literalText(found.node)
  if (text === undefined && !onlyForTools) {
    diagnostics.error(source.position(value.start), `'${key}' must be a string literal, or a const that is one`)
  }
  return text
}

/** The tags that can be read; they are only told to tools. */
export function readTags(project: Project, source: SourceFile, object: ObjectExpression): string[] {
  const value = property(object, 'tags')
  const list = value && project.resolve({ source, node: value })
  if (list?.node.type !== 'ArrayExpression') return []
  return list.node.elements
    .map((element) => element && project.resolve({ source: list.source, node: element }))
    .map((found) => found && literalText(found.node))
    .filter((tag) => typeof tag === 'string')
}

import type { Node } from 'oxc-parser'
import type { Diagnostics } from '../diagnostics.ts'
import type { Specifiers } from '../emit/specifier.ts'
import type { SourceFile } from './source-file.ts'
import { children, walk } from './syntax.ts'

/** Where a walk through a type stands: the names the type itself brought along, and what is to be replaced so far. */
interface Walk {
  readonly bound: ReadonlySet<string>
  readonly found: Replacement[]
}

interface Replacement {
  readonly start: number
  readonly end: number
  readonly text: string
}

/**
 * Carries a type of the user's source into the generated file as text. Inferring it there from the function itself would
 * be a cycle as soon as the function uses the typed `rpc` or `workflow`; its text depends on nothing but itself.
 */
export class TypeText {
  readonly #specifiers: Specifiers
  readonly #diagnostics: Diagnostics

  constructor(specifiers: Specifiers, diagnostics: Diagnostics) {
    this.#specifiers = specifiers
    this.#diagnostics = diagnostics
  }

  /** The type's text, each name of its module written as an import type. */
  ofType(source: SourceFile, type: Node): string {
    const replacements: Replacement[] = []
    this.#collect(source, type, { bound: new Set(), found: replacements })
    let text = ''
    let at = type.start
    for (const { start, end, text: replacement } of replacements.sort((a, b) => a.start - b.start)) {
      text += source.text.slice(at, start) + replacement
      at = end
    }
    return (text + source.text.slice(at, type.end)).replaceAll('\r\n', '\n')
  }

  /** The type of a constant that is named, not spelt out: `typeof import('…').name`. Undefined, and reported, for anything else. */
  ofConstant(source: SourceFile, expression: Node, what: string): string | undefined {
    const [root, ...members] = memberPath(expression) ?? []
    const start = root === undefined ? undefined : this.#reference(source, root, expression)
    if (root === undefined) {
      this.#diagnostics.error(
        source.position(expression.start),
        `${what} is spelt out here, where it cannot be typed without a cycle: make it an exported const of its own, ` +
          'or give In and Out as type arguments',
      )
      return undefined
    }
    if (start === undefined && !source.declared.has(root)) {
      this.#diagnostics.error(
        source.position(expression.start),
        `${what}: '${root}' is neither imported nor declared here`,
      )
    }
    return start === undefined ? undefined : `typeof ${[start, ...members].join('.')}`
  }

  #collect(source: SourceFile, node: Node, { bound: outer, found }: Walk): void {
    const inside = { bound: new Set([...outer, ...introduced(node)]), found }
    switch (node.type) {
      case 'TSTypeReference':
        this.#replaceRoot(source, node.typeName, inside)
        break
      case 'TSTypeQuery':
        if (node.exprName.type !== 'TSImportType') this.#replaceRoot(source, node.exprName, inside)
        break
      case 'TSImportType':
        if (node.source.value.startsWith('.')) {
          const text = `'${this.#moved(source, node.source.value)}'`
          found.push({ start: node.source.start, end: node.source.end, text })
        }
        break
      case 'TSPropertySignature':
      case 'TSMethodSignature':
        if (node.computed) this.#refuseComputed(source, node.key)
        break
    }
    for (const child of children(node)) this.#collect(source, child, inside)
  }

  #replaceRoot(source: SourceFile, name: Node, { bound, found }: Walk): void {
    let root = name
    while (root.type === 'TSQualifiedName') root = root.left
    if (root.type !== 'Identifier' || bound.has(root.name)) return
    const text = this.#reference(source, root.name, root)
    if (text !== undefined) found.push({ start: root.start, end: root.end, text })
  }

  /** A name of this module as others reach it; undefined for a global one, and, reported, for one that is not exported. */
  #reference(source: SourceFile, name: string, at: Node): string | undefined {
    const imported = source.imports.get(name)
    if (imported !== undefined) {
      const module = `import('${this.#moved(source, imported.specifier)}')`
      return imported.imported === '*' ? module : `${module}.${imported.imported}`
    }
    if (!source.declared.has(name)) return undefined
    const exported = source.exportedAs(name)
    if (exported !== undefined) return `import('${this.#specifiers.to(source.path)}').${exported}`
    this.#diagnostics.error(
      source.position(at.start),
      `'${name}' is not exported, so the generated file cannot name it: add \`export\` to its declaration`,
    )
    return undefined
  }

  /** A specifier of this source as it reads from the generated file. */
  #moved(source: SourceFile, specifier: string): string {
    if (!/^\.\.?(?:\/|$)/.test(specifier)) return specifier
    return this.#specifiers.relative(source.beside(specifier))
  }

  #refuseComputed(source: SourceFile, key: Node): void {
    walk(key, (node) => {
      if (node.type !== 'Identifier' || !(source.imports.has(node.name) || source.declared.has(node.name))) return
      this.#diagnostics.error(
        source.position(node.start),
        `a key computed from '${node.name}' cannot be carried into the generated file: name this type and export it`,
      )
    })
  }
}

/** `a.b.c` as its names; undefined for any other expression. */
function memberPath(node: Node): string[] | undefined {
  if (node.type === 'Identifier') return [node.name]
  if (node.type !== 'MemberExpression' || node.computed || node.property.type !== 'Identifier') return undefined
  const object = memberPath(node.object)
  return object && [...object, node.property.name]
}

/** The names that a type brings into being for what is below it. */
function introduced(node: Node): string[] {
  switch (node.type) {
    case 'TSMappedType':
      return [node.key.name]
    case 'TSConditionalType':
      return inferred(node.extendsType)
    case 'TSFunctionType':
    case 'TSConstructorType':
    case 'TSMethodSignature':
    case 'TSCallSignatureDeclaration':
    case 'TSConstructSignatureDeclaration':
      return [
        ...(node.typeParameters?.params.map(({ name }) => name.name) ?? []),
        ...node.params.flatMap((parameter) => (parameter.type === 'Identifier' ? [parameter.name] : [])),
      ]
    default:
      return []
  }
}

function inferred(type: Node): string[] {
  const names: string[] = []
  walk(type, (node) => {
    if (node.type === 'TSInferType') names.push(node.typeParameter.name.name)
  })
  return names
}

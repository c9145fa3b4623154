import path from 'node:path'
import { parseSync, type Expression, type Node, type Program, type Statement } from 'oxc-parser'
import { lineAndColumn, type Diagnostics, type Position } from '../diagnostics.ts'
import type { FunctionNode } from './syntax.ts'

/** What a name of this file was imported as. */
export interface ImportedName {
  readonly specifier: string
  /** The exported name, `default`, or `*` for the whole module. */
  readonly imported: string
}

/** One name this file exports; `from` where it comes from another module. */
export interface ExportedName {
  /** `*` for everything of `from`. */
  readonly exported: string
  readonly local: string | undefined
  readonly from: ImportedName | undefined
}

/** A parsed module and its tables of names. */
export class SourceFile {
  /** Absolute. */
  readonly path: string
  /** Relative to the project, for people. */
  readonly name: string
  readonly text: string
  /** It has syntax errors; they are reported. */
  readonly isBroken: boolean
  readonly program: Program
  readonly imports: ReadonlyMap<string, ImportedName>
  readonly exports: readonly ExportedName[]
  /** Top-level constants with their value, and functions. */
  readonly values: ReadonlyMap<string, Expression | FunctionNode>
  /** What top-level `let` and `var` begin with: it cannot be relied on. */
  readonly variables: ReadonlyMap<string, Expression>
  /** Every name declared at the top level, types included. */
  readonly declared: ReadonlySet<string>

  constructor(file: { path: string; name: string; text: string }, diagnostics: Diagnostics) {
    this.path = file.path
    this.name = file.name
    this.text = file.text
    const { program, module, errors } = parseSync(file.path, file.text)
    for (const { message, labels } of errors) {
      diagnostics.error(this.position(labels[0]?.start ?? 0), `syntax error: ${message}`)
    }
    this.isBroken = errors.length > 0
    this.program = program
    this.imports = new Map(
      module.staticImports.flatMap(({ moduleRequest, entries }) =>
        entries.map(({ importName, localName }) => [
          localName.value,
          {
            specifier: moduleRequest.value,
            imported: importName.name ?? (importName.kind === 'Default' ? 'default' : '*'),
          },
        ]),
      ),
    )
    this.exports = module.staticExports.flatMap(({ entries }) =>
      entries.map(({ exportName, localName, importName, moduleRequest }) => ({
        exported: exportName.name ?? (exportName.kind === 'Default' ? 'default' : '*'),
        local: localName.name ?? undefined,
        from: moduleRequest ? { specifier: moduleRequest.value, imported: importName.name ?? '*' } : undefined,
      })),
    )
    const names: Names = { values: new Map(), variables: new Map(), declared: new Set() }
    for (const statement of program.body) declare(statement, names)
    this.values = names.values
    this.variables = names.variables
    this.declared = names.declared
  }

  position(offset: number): Position {
    return { file: this.name, ...lineAndColumn(this.text, offset) }
  }

  /** The name under which others see this top-level name. */
  exportedAs(local: string): string | undefined {
    return this.exports.find((entry) => entry.from === undefined && entry.local === local)?.exported
  }

  /** The path that a relative specifier of this file names. */
  beside(specifier: string): string {
    return path.resolve(path.dirname(this.path), specifier)
  }

  source(node: Node): string {
    return this.text.slice(node.start, node.end).replaceAll('\r\n', '\n')
  }
}

interface Names {
  readonly values: Map<string, Expression | FunctionNode>
  readonly variables: Map<string, Expression>
  readonly declared: Set<string>
}

function declare(statement: Statement, names: Names): void {
  const { values, variables, declared } = names
  switch (statement.type) {
    case 'ExportNamedDeclaration':
      if (statement.declaration) declare(statement.declaration, names)
      break
    case 'ExportDefaultDeclaration':
      declareDefault(statement.declaration, names)
      break
    case 'VariableDeclaration':
      for (const { id, init } of statement.declarations) {
        if (id.type !== 'Identifier') continue
        declared.add(id.name)
        if (init) (statement.kind === 'const' ? values : variables).set(id.name, init)
      }
      break
    case 'FunctionDeclaration':
    case 'TSDeclareFunction':
      if (statement.id) values.set(statement.id.name, statement)
      if (statement.id) declared.add(statement.id.name)
      break
    case 'ClassDeclaration':
    case 'TSInterfaceDeclaration':
    case 'TSTypeAliasDeclaration':
    case 'TSEnumDeclaration':
    case 'TSImportEqualsDeclaration':
      if (statement.id) declared.add(statement.id.name)
      break
    case 'TSModuleDeclaration':
      if (statement.id.type === 'Identifier') declared.add(statement.id.name)
      break
  }
}

function declareDefault(exported: Node, { values, declared }: Names): void {
  switch (exported.type) {
    case 'FunctionDeclaration':
      values.set(exported.id?.name ?? 'default', exported)
      if (exported.id) declared.add(exported.id.name)
      break
    case 'ClassDeclaration':
    case 'TSInterfaceDeclaration':
      if (exported.id) declared.add(exported.id.name)
      break
    default:
      values.set('default', exported as Expression)
  }
}

import { visitorKeys, type Expression, type Function, type Node, type ObjectExpression } from 'oxc-parser'
import type { ArrowFunctionExpression } from 'oxc-parser'

export type FunctionNode = ArrowFunctionExpression | Function

/** The nodes directly below this one, in source order. */
export function children(node: Node): Node[] {
  return (visitorKeys[node.type] ?? []).flatMap((key) => {
    const child: unknown = Reflect.get(node, key)
    return (Array.isArray(child) ? child : [child]).filter(isNode)
  })
}

/** Calls `visit` for this node and all below it; a false answer leaves out what is below. */
export function walk(node: Node, visit: (node: Node) => boolean | void): void {
  if (visit(node) === false) return
  for (const child of children(node)) walk(child, visit)
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value
}

/** The expression inside parentheses, `as`, `satisfies` and `!`. */
export function unwrap(node: Node): Node {
  switch (node.type) {
    case 'ParenthesizedExpression':
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
    case 'TSNonNullExpression':
    case 'TSTypeAssertion':
      return unwrap(node.expression)
    default:
      return node
  }
}

export function isFunction(node: Node): node is FunctionNode {
  return (
    node.type === 'ArrowFunctionExpression' || node.type === 'FunctionExpression' || node.type === 'FunctionDeclaration'
  )
}

/** The value of a string literal or of a template without holes. */
export function literalText(node: Node): string | undefined {
  if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : undefined
  if (node.type !== 'TemplateLiteral' || node.expressions.length > 0) return undefined
  return node.quasis[0]?.value.cooked ?? undefined
}

/** The expression a property of an object literal has; a method is its function. */
export function property(object: ObjectExpression, name: string): Expression | undefined {
  for (const entry of object.properties) {
    if (entry.type === 'Property' && !entry.computed && keyName(entry.key) === name) return entry.value
  }
  return undefined
}

/** The name of a key that is not computed. */
export function keyName(key: Node): string | undefined {
  return key.type === 'Identifier' ? key.name : literalText(key)
}

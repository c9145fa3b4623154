import type { CallExpression, Node } from 'oxc-parser'
import type { StepModel } from '../model/workflow-model.ts'
import type { Inspection } from './definition.ts'
import type { Found } from './project.ts'
import type { SourceFile } from './source-file.ts'
import { children, isFunction, keyName, literalText, unwrap, type FunctionNode } from './syntax.ts'

const stepMethods: ReadonlySet<string> = new Set(['do', 'sleep', 'sleepUntil'])

/** What would differ when the body is run again from its history, and what to write instead. */
const notRepeatable: Readonly<Record<string, string>> = {
  'Date.now': 'workflow.now()',
  'Math.random': 'workflow.random()',
  'crypto.randomUUID': 'workflow.uuid()',
  randomUUID: 'workflow.uuid()',
  'performance.now': 'workflow.now()',
}

/** The steps a workflow's body asks for, as far as its text shows, in the order of the text; warns of what a body must not do. */
export function readSteps(func: Found<FunctionNode>, inspection: Inspection): StepModel[] {
  const reader = new BodyReader(func, inspection)
  reader.read(func.node.body)
  return reader.steps
}

class BodyReader {
  readonly steps: StepModel[] = []
  readonly #source: SourceFile
  readonly #inspection: Inspection
  readonly #workflow: ReadonlySet<string>
  readonly #rpc: ReadonlySet<string>

  constructor({ source, node }: Found<FunctionNode>, inspection: Inspection) {
    this.#source = source
    this.#inspection = inspection
    this.#workflow = namesOf(node, 'workflow')
    this.#rpc = namesOf(node, 'rpc')
  }

  read(node: Node | null): void {
    if (node === null) return
    switch (node.type) {
      case 'CallExpression':
        return this.#readCall(node)
      case 'NewExpression':
        if (node.callee.type === 'Identifier' && node.callee.name === 'Date' && node.arguments.length === 0) {
          this.#warn(node, 'new Date() differs in every replay: use workflow.now(), or a step')
        }
        break
      case 'TryStatement':
        if (node.finalizer && this.#holdsStep(node.block)) {
          this.#warn(
            node,
            '`finally` around a step does not run when a turn ends while waiting: hold nothing across a step',
          )
        }
        break
      case 'BlockStatement':
        this.#checkUsing(node.body)
        break
    }
    for (const child of children(node)) this.read(child)
  }

  #readCall(call: CallExpression): void {
    const method = this.#methodOf(call, this.#workflow, 'workflow')
    if (method !== undefined && stepMethods.has(method)) {
      this.steps.push(this.#step(call, method))
      // What an inline step does is its own: it may read clocks and call functions.
      for (const argument of call.arguments) if (!isFunction(unwrap(argument))) this.read(argument)
      return
    }
    const called = this.#source.source(call.callee)
    const instead = Object.hasOwn(notRepeatable, called) ? notRepeatable[called] : undefined
    if (instead !== undefined) this.#warn(call, `${called}() differs in every replay: use ${instead}, or a step`)
    const rpcMethod = this.#methodOf(call, this.#rpc, 'rpc')
    if (rpcMethod === 'invoke' || rpcMethod === 'startWorkflow') {
      const form =
        rpcMethod === 'invoke' ? "workflow.do('…', 'name', data)" : "workflow.do('…', () => rpc.startWorkflow(…))"
      this.#warn(
        call,
        `rpc.${rpcMethod} throws in a workflow's body: it would happen again in every replay; use ${form}`,
      )
    }
    for (const child of children(call)) this.read(child)
  }

  #step(call: CallExpression, method: string): StepModel {
    const [nameNode, what] = call.arguments
    const named = nameNode && this.#inspection.project.resolve({ source: this.#source, node: nameNode })
    const position = this.#source.position(call.start)
    const name = (named && literalText(named.node)) ?? null
    if (method !== 'do') return { kind: 'sleep', name, position }
    const found = what && this.#inspection.project.resolve({ source: this.#source, node: what })
    const rpc = found && literalText(found.node)
    if (rpc === undefined) return { kind: 'inline', name, position }
    return { kind: 'rpc', name, rpc, rpcPosition: this.#source.position(what?.start ?? call.start), position }
  }

  /** The method called on this object: `workflow.do(…)` under any name it has here, or `services.workflow.do(…)`. */
  #methodOf({ callee }: CallExpression, names: ReadonlySet<string>, member: string): string | undefined {
    if (callee.type !== 'MemberExpression' || callee.computed || callee.property.type !== 'Identifier') return undefined
    const object = unwrap(callee.object)
    const isIt =
      (object.type === 'Identifier' && names.has(object.name)) ||
      (object.type === 'MemberExpression' && !object.computed && keyName(object.property) === member)
    return isIt ? callee.property.name : undefined
  }

  #holdsStep(node: Node): boolean {
    if (node.type === 'CallExpression') {
      const method = this.#methodOf(node, this.#workflow, 'workflow')
      if (method !== undefined && stepMethods.has(method)) return true
    }
    return children(node).some((child) => this.#holdsStep(child))
  }

  #checkUsing(statements: readonly Node[]): void {
    statements.forEach((statement, index) => {
      if (statement.type !== 'VariableDeclaration' || !statement.kind.endsWith('using')) return
      if (statements.slice(index).some((later) => this.#holdsStep(later))) {
        this.#warn(
          statement,
          '`using` around a step is not disposed of when a turn ends while waiting: hold nothing across a step',
        )
      }
    })
  }

  #warn(node: Node, message: string): void {
    this.#inspection.diagnostics.warning(this.#source.position(node.start), message)
  }
}

/** The names that a function's parameters give to this part of the services or the wire. */
function namesOf({ params }: FunctionNode, part: string): Set<string> {
  const names = new Set([part])
  for (const parameter of params) {
    if (parameter.type !== 'ObjectPattern') continue
    for (const entry of parameter.properties) {
      if (entry.type !== 'Property' || keyName(entry.key) !== part) continue
      const target = entry.value.type === 'AssignmentPattern' ? entry.value.left : entry.value
      if (target.type === 'Identifier') names.add(target.name)
    }
  }
  return names
}

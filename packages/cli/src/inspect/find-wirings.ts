import type { CallExpression, Node, ObjectExpression } from 'oxc-parser'
import { formatPosition, type Diagnostics, type Position } from '../diagnostics.ts'
import type { QueueWorkerModel, WorkflowModel } from '../model/workflow-model.ts'
import { byCodePoint } from '../order.ts'
import {
  calledHelper,
  readTags,
  readText,
  type Definition,
  type DefinitionReader,
  type Helper,
  type Inspection,
} from './definition.ts'
import type { Found } from './project.ts'
import { readSteps } from './read-steps.ts'
import type { SourceFile } from './source-file.ts'
import { property, unwrap, walk } from './syntax.ts'

export interface Wirings {
  readonly workflows: readonly WorkflowModel[]
  readonly queueWorkers: readonly QueueWorkerModel[]
  /** The files that wire something. */
  readonly modules: ReadonlySet<string>
}

/** One call of wireWorkflow or wireQueueWorker, read. */
interface Wiring extends Pick<Definition, 'input' | 'output' | 'func'> {
  readonly name: string
  readonly description?: string
  readonly tags: readonly string[]
  readonly position: Position
}

/** Where a wiring's `func` is to be found. */
interface FuncPlace {
  readonly source: SourceFile
  readonly object: ObjectExpression
  readonly helper: Helper
  readonly position: Position
}

/** Everything these files wire. */
export function findWirings(
  files: readonly SourceFile[],
  definitions: DefinitionReader,
  inspection: Inspection,
): Wirings {
  const { diagnostics } = inspection
  const reader = new WiringReader(definitions, inspection)
  const workflows = new Map<string, WorkflowModel>()
  const queueWorkers = new Map<string, QueueWorkerModel>()
  const modules = new Set<string>()
  for (const source of files) {
    for (const { call, helper } of wiringCalls(source, inspection)) {
      modules.add(source.path)
      const wiring = reader.read(source, call, helper)
      if (wiring === undefined) continue
      const { func, name, ...rest } = wiring
      if (helper === 'wireWorkflow') {
        if (isNew(workflows.get(name), wiring, { diagnostics, what: `a workflow named '${name}'` })) {
          workflows.set(name, { name, ...rest, steps: func ? readSteps(func, inspection) : [] })
        }
      } else if (isNew(queueWorkers.get(name), wiring, { diagnostics, what: `a worker of queue '${name}'` })) {
        queueWorkers.set(name, { queueName: name, ...rest })
      }
    }
  }
  return { workflows: inOrder(workflows), queueWorkers: inOrder(queueWorkers), modules }
}

/** The calls at the top level of a module; one further in is reported: it would run too late, or never. */
function wiringCalls(source: SourceFile, { diagnostics }: Inspection): { call: CallExpression; helper: Helper }[] {
  const calls: { call: CallExpression; helper: Helper }[] = []
  const topLevel = new Set<Node>(
    source.program.body.map((statement) =>
      statement.type === 'ExpressionStatement' ? unwrap(statement.expression) : statement,
    ),
  )
  walk(source.program, (node) => {
    const helper = calledHelper(source, node)
    if (node.type !== 'CallExpression' || (helper !== 'wireWorkflow' && helper !== 'wireQueueWorker')) return
    if (topLevel.has(node)) calls.push({ call: node, helper })
    else {
      diagnostics.error(
        source.position(node.start),
        `${helper} must stand at the top level of a module: make it a statement of its own`,
      )
    }
  })
  return calls
}

class WiringReader {
  readonly #definitions: DefinitionReader
  readonly #inspection: Inspection

  constructor(definitions: DefinitionReader, inspection: Inspection) {
    this.#definitions = definitions
    this.#inspection = inspection
  }

  read(source: SourceFile, call: CallExpression, helper: Helper): Wiring | undefined {
    const { project, diagnostics } = this.#inspection
    const position = source.position(call.start)
    const [argument] = call.arguments
    const wiring = argument && project.resolve({ source, node: argument })
    if (wiring?.node.type !== 'ObjectExpression') {
      diagnostics.error(position, `${helper}: its argument must be an object literal, here or as a const`)
      return undefined
    }
    const object = wiring.node
    const key = helper === 'wireWorkflow' ? 'name' : 'queueName'
    const at = { source: wiring.source, object }
    const name = readText(this.#inspection, { ...at, key })
    if (property(object, key) === undefined) diagnostics.error(position, `${helper}: '${key}' is missing`)
    if (name === '') diagnostics.error(position, `${helper}: '${key}' is empty`)
    const definition = this.#func({ ...at, helper, position })
    if (!name || definition === undefined) return undefined
    const description = readText(this.#inspection, { ...at, key: 'description' }, true) ?? definition.description
    const tags = property(object, 'tags') ? readTags(project, wiring.source, object) : definition.tags
    const { input, output, func } = definition
    return { name, input, output, func, tags, position, ...(description === undefined ? {} : { description }) }
  }

  #func({ source, object, helper, position }: FuncPlace): Definition | undefined {
    const { project, diagnostics } = this.#inspection
    const wanted = helper === 'wireWorkflow' ? 'pikkuWorkflowFunc' : 'pikkuSessionlessFunc'
    const value = property(object, 'func')
    if (value === undefined) {
      diagnostics.error(position, `${helper}: 'func' is missing; give what ${wanted}<In, Out>(…) returned`)
      return undefined
    }
    const found: Found | undefined = project.resolve({ source, node: value })
    if (found?.node.type === 'CallExpression' && calledHelper(found.source, found.node) === wanted) {
      return this.#definitions.read({ source: found.source, node: found.node }, wanted)
    }
    const what = `'${source.source(value).split('\n')[0]}'`
    diagnostics.error(
      source.position(value.start),
      found === undefined
        ? `${helper}: 'func' cannot be resolved: ${what} is not a const of this file, nor imported from a file of this project`
        : `${helper}: 'func' must be what ${wanted}<In, Out>(…) returned; ${what} is something else`,
    )
    return undefined
  }
}

function isNew(
  first: { position: Position } | undefined,
  { position }: Wiring,
  tell: { diagnostics: Diagnostics; what: string },
): boolean {
  if (first === undefined) return true
  const { diagnostics, what } = tell
  diagnostics.error(
    position,
    `${what} is wired already (${formatPosition(first.position)}): give one of them another name`,
  )
  return false
}

function inOrder<T>(found: ReadonlyMap<string, T>): T[] {
  return [...found].sort(([a], [b]) => byCodePoint(a, b)).map(([, value]) => value)
}

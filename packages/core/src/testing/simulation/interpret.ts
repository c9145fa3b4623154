import { NonRetryableError } from '../../contract/index.ts'
import type { Random } from '../random.ts'
import type { Body, BodyServices, StepFunction, TestApp } from '../engine/test-app.ts'
import { noneOf, valueOf, type Node, type StepNode } from './program.ts'

/** What may happen to whoever runs a step's function. */
export interface Surroundings {
  readonly chance: Random
  /** The process may die here; then this never resolves. */
  pass(step: string, where: 'begins' | 'ends'): Promise<void>
  /** A step that always kills does so until somebody has mended it. */
  readonly mended: boolean
  /** Kills the process whose code this is. */
  kill(why: string): Promise<never>
}

/** The workflows of a simulation as an app: one workflow per program, each in the wording of one version. */
export interface Wording {
  readonly workflow: string
  /** Tells two versions apart: the code's digest is taken of it. */
  readonly text: string
  readonly program: Node
}

/** A step as its message carries it: with the run, so that it recovers at another attempt of this very run. */
interface Order {
  readonly node: StepNode
}

export function appOf(
  wordings: readonly Wording[],
  surroundings: Surroundings,
  failures: Map<string, number>,
): TestApp {
  const perform = async (runId: string, { node }: Order): Promise<string> => {
    await surroundings.pass(node.id, 'begins')
    if (node.takesMs > 0) await pause(surroundings.chance.below(node.takesMs) + 1)
    if (node.deed === 'kills' && !surroundings.mended) return surroundings.kill(`${node.id} always kills`)
    await surroundings.pass(node.id, 'ends')
    return outcomeOf(node, runId, failures)
  }
  const work: StepFunction = ({ workflowStep }, order: Order) => perform(workflowStep.runId, order)
  const workflows: Record<string, Body> = {}
  for (const { workflow, text, program } of wordings) {
    const body: Body = (services: BodyServices) => new Interpreter(services, surroundings, perform).run(program)
    workflows[workflow] = Object.defineProperty(body, 'toString', { value: () => text })
  }
  return { workflows, functions: { work } }
}

function outcomeOf(node: StepNode, runId: string, failures: Map<string, number>): string {
  if (node.deed === 'fails') throw new Error(`no ${node.id}`)
  if (node.deed === 'refuses') throw new NonRetryableError(`no ${node.id}`)
  const key = `${runId} ${node.id}`
  const failed = failures.get(key) ?? 0
  if (node.deed === 'recovers' && failed < 2) {
    failures.set(key, failed + 1)
    throw new Error(`not yet ${node.id}`)
  }
  return valueOf(node)
}

/** Runs a program as the author of a workflow would write it. */
class Interpreter {
  readonly #workflow: BodyServices['workflow']
  readonly #surroundings: Surroundings
  readonly #perform: (runId: string, order: Order) => Promise<string>

  constructor(
    { workflow }: BodyServices,
    surroundings: Surroundings,
    perform: (runId: string, order: Order) => Promise<string>,
  ) {
    this.#workflow = workflow
    this.#surroundings = surroundings
    this.#perform = perform
  }

  async run(node: Node): Promise<unknown> {
    switch (node.kind) {
      case 'rpc':
      case 'inline':
        return this.#step(node)
      case 'sleep':
        await (node.until
          ? this.#workflow.sleepUntil(node.name, new Date(this.#workflow.now().getTime() + node.ms))
          : this.#workflow.sleep(node.name, node.ms))
        return node.id
      case 'cancel':
        return this.#workflow.cancel('as its body says')
      case 'loose':
        void this.run(node.of[0]).catch(() => undefined) // A step nobody looks at: how it ends is nobody's.
        return node.id
      case 'try':
        return this.run(node.of[0]).catch((error: unknown) => `caught ${messageOf(error)}`)
      case 'sequence':
        return this.#inSequence(node.of)
      case 'all':
        return Promise.all(node.of.map((one) => this.run(one)))
      case 'allSettled':
        return (await Promise.allSettled(node.of.map((one) => this.run(one)))).map((one) =>
          one.status === 'fulfilled' ? { ok: true, value: one.value } : { ok: false, message: messageOf(one.reason) },
        )
      case 'race':
        return Promise.race(node.of.map((one) => this.run(one)))
      case 'any':
        return Promise.any(node.of.map((one) => this.run(one))).catch((error: unknown) => {
          throw error instanceof AggregateError ? new Error(noneOf(node)) : error
        })
    }
  }

  async #inSequence(nodes: readonly Node[]): Promise<unknown[]> {
    const values: unknown[] = []
    for (const node of nodes) values.push(await this.run(node))
    return values
  }

  /** Another one at a replay would be another input, and so another step. */
  #drawn({ draws }: StepNode): unknown {
    return draws ? [this.#workflow.uuid(), this.#workflow.now(), this.#workflow.random()] : null
  }

  async #step(node: StepNode): Promise<unknown> {
    // Another time at every replay, as with two queries, the second of which needs the first.
    for (let i = 0; i < 2 && node.waitMs > 0; i += 1) await pause(this.#surroundings.chance.below(node.waitMs) + 1)
    const { name, retries, retryDelayMs: retryDelay } = node
    const options = { retries, retryDelay }
    if (node.kind === 'rpc') return this.#workflow.do(name, 'work', { node, drawn: this.#drawn(node) }, options)
    const { runId } = this.#workflow
    return this.#workflow.do(name, () => this.#perform(runId, { node }), options)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

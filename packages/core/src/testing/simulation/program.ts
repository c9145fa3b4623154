import type { Random } from '../random.ts'

/** What a step's function does. */
export type Deed = 'succeeds' | 'fails' | 'refuses' | 'recovers' | 'kills'

export interface StepNode {
  readonly kind: 'rpc' | 'inline'
  readonly id: string
  readonly name: string
  readonly deed: Deed
  readonly retries: number
  readonly retryDelayMs: number
  /** The body awaits something that is no step for up to so long before it asks for this one. */
  readonly waitMs: number
  /** The function takes up to so long. */
  readonly takesMs: number
  /** Its result is longer than its id by so much. */
  readonly padding: number
  /** Its input holds what the body draws: `uuid`, `now` and `random`. */
  readonly draws: boolean
}

interface SleepNode {
  readonly kind: 'sleep'
  readonly id: string
  readonly name: string
  readonly ms: number
  /** Asked for as a date. */
  readonly until: boolean
}

interface ManyNode {
  readonly kind: 'sequence' | 'all' | 'allSettled' | 'race' | 'any'
  readonly id: string
  readonly of: readonly Node[]
}

/** What it throws is caught. */
interface TryNode {
  readonly kind: 'try'
  readonly id: string
  readonly of: readonly [Node]
}

/** Nobody awaits it. */
interface LooseNode {
  readonly kind: 'loose'
  readonly id: string
  readonly of: readonly [StepNode]
}

interface CancelNode {
  readonly kind: 'cancel'
  readonly id: string
}

/** What a body does, as data: the same for whoever interprets it. */
export type Node = StepNode | SleepNode | ManyNode | TryNode | LooseNode | CancelNode

/** How something may end. */
export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string }

const year = 365 * 24 * 3_600_000
const sharedNames = ['pay', 'send', 'look']

/** Draws a body. */
export class ProgramMaker {
  readonly #random: Random
  readonly #prefix: string
  readonly #willChange: boolean
  #ids = 0

  /** `willChange`: another version of the body is to be told from this one by its steps. */
  constructor(random: Random, how: { prefix: string; willChange: boolean }) {
    this.#random = random
    this.#prefix = how.prefix
    this.#willChange = how.willChange
  }

  program(): Node {
    const random = this.#random
    const length = 1 + random.below(random.chance(0.15) ? 12 : 4)
    const of = Array.from({ length }, () => this.#node(2, 'apart'))
    if (random.chance(0.08)) of.push({ kind: 'cancel', id: this.#id() })
    return { kind: 'sequence', id: this.#id(), of }
  }

  /** The same body after somebody worked on it. */
  changed(program: Node): Node {
    const random = this.#random
    if (program.kind !== 'sequence') return program
    const of = [...program.of]
    const at = random.below(of.length + 1)
    const how = random.below(3)
    if (how === 0) of.splice(at, 0, this.#step('apart'))
    else if (how === 1) of.splice(Math.min(at, of.length - 1), 1)
    else of.splice(Math.min(at, of.length - 1), 1, this.#step('apart'))
    return { ...program, of }
  }

  /** `beside`: others may be under way at the same time. */
  #node(depth: number, where: 'apart' | 'beside'): Node {
    const random = this.#random
    const chance = random.next()
    if (depth === 0 || chance < 0.55) return this.#step(where)
    if (chance < 0.65) return this.#sleep(where)
    if (chance < 0.7) return { kind: 'loose', id: this.#id(), of: [this.#step('beside')] }
    if (chance < 0.76) return { kind: 'try', id: this.#id(), of: [this.#node(depth - 1, where)] }
    const kind = random.pick(['sequence', 'all', 'all', 'allSettled', 'race', 'any'] as const)
    // Now and then more than one commit writes at once.
    const isWide = random.chance(0.01)
    const length = isWide ? 210 : 2 + random.below(random.chance(0.1) ? 8 : 3)
    const inside = kind === 'sequence' ? where : 'beside'
    return { kind, id: this.#id(), of: Array.from({ length }, () => this.#node(isWide ? 0 : depth - 1, inside)) }
  }

  #step(where: 'apart' | 'beside'): StepNode {
    const random = this.#random
    const id = this.#id()
    const kind = random.chance(0.5) ? 'rpc' : 'inline'
    // Inline steps of one name are told apart by the order in which they are asked for (rules-for-workflow-bodies.md).
    const shared = kind === 'rpc' || (where === 'apart' && !this.#willChange)
    const deed = this.#deed()
    const waitMs = random.chance(0.3) ? random.pick([1, 30, 800]) : 0
    return {
      kind,
      id,
      name: shared && random.chance(0.4) ? random.pick(sharedNames) : id,
      deed,
      retries: deed === 'recovers' ? 4 : random.chance(0.3) ? random.below(3) : 0,
      retryDelayMs: random.pick([0, 0, 10, 500, 8_000]),
      waitMs,
      takesMs: random.pick([0, 0, 5, 5, 100, 3_000, random.chance(0.1) ? 25_000 : 1]),
      padding: random.chance(0.02) ? 90_000 : 0,
      // Only where nothing that may overtake it draws too (rules-for-workflow-bodies.md).
      draws: where === 'apart' && waitMs === 0 && random.chance(0.2),
    }
  }

  #deed(): Deed {
    const chance = this.#random.next()
    if (chance < 0.7) return 'succeeds'
    if (chance < 0.83) return 'recovers'
    if (chance < 0.93) return 'fails'
    return chance < 0.97 ? 'refuses' : 'kills'
  }

  #sleep(where: 'apart' | 'beside'): SleepNode {
    const random = this.#random
    const id = this.#id()
    const name = where === 'apart' && random.chance(0.3) ? 'nap' : id
    const ms = random.pick([0, 5, 60, 1_000, 30_000, 90 * 60_000, 3 * year])
    return { kind: 'sleep', id, name, ms, until: random.chance(0.2) }
  }

  #id(): string {
    this.#ids += 1
    return `${this.#prefix}.${this.#ids}`
  }
}

/** Whether the body may end like this: the oracle, which knows nothing of engines. */
export function mayEnd(node: Node, outcome: Outcome): boolean {
  switch (node.kind) {
    case 'rpc':
    case 'inline':
      return isSame(outcome, resultOf(node))
    case 'sleep':
    case 'loose':
      return isSame(outcome, { ok: true, value: node.id })
    case 'cancel':
      return false
    case 'try':
      return outcome.ok && (mayEnd(node.of[0], outcome) || mayHaveCaught(node.of[0], outcome.value))
    case 'sequence':
    case 'all':
      if (!outcome.ok) return node.of.some((one) => mayEnd(one, outcome))
      return isListOf(outcome.value, node.of, (one, value) => mayEnd(one, { ok: true, value }))
    case 'allSettled':
      return outcome.ok && isListOf(outcome.value, node.of, (one, value) => mayEnd(one, value as Outcome))
    case 'race':
      return node.of.some((one) => mayEnd(one, outcome))
    case 'any':
      if (outcome.ok) return node.of.some((one) => mayEnd(one, outcome))
      return outcome.message === noneOf(node) && node.of.every(mayFail)
  }
}

/** Whether the body may cancel its own run. */
export function mayCancel(node: Node): boolean {
  if (node.kind === 'cancel') return true
  return 'of' in node && node.of.some(mayCancel)
}

/** What `any` throws when all of it failed. */
export function noneOf({ id }: ManyNode): string {
  return `none of ${id}`
}

/** What the step settles with in the end. */
function resultOf(node: StepNode): Outcome {
  const { id, deed } = node
  return deed === 'fails' || deed === 'refuses'
    ? { ok: false, message: `no ${id}` }
    : { ok: true, value: valueOf(node) }
}

/** What the step gives when it succeeds. */
export function valueOf({ id, padding }: StepNode): string {
  return id + '.'.repeat(padding)
}

function mayFail(node: Node): boolean {
  switch (node.kind) {
    case 'rpc':
    case 'inline':
      return !resultOf(node).ok
    case 'sequence':
    case 'all':
    case 'race':
      return node.of.some(mayFail)
    case 'any':
      return node.of.every(mayFail)
    default:
      return false
  }
}

function mayHaveCaught(node: Node, value: unknown): boolean {
  if (typeof value !== 'string' || !value.startsWith('caught ')) return false
  return mayEnd(node, { ok: false, message: value.slice('caught '.length) })
}

function isListOf(value: unknown, of: readonly Node[], fits: (node: Node, value: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length === of.length && of.every((node, i) => fits(node, value[i]))
}

function isSame(one: Outcome, other: Outcome): boolean {
  return one.ok ? other.ok && one.value === other.value : !other.ok && one.message === other.message
}

/** The same body without these of its parts. */
export function without(node: Node, ids: ReadonlySet<string>): Node {
  if (!('of' in node)) return node
  if (node.kind === 'try') return { kind: 'try', id: node.id, of: [without(node.of[0], ids)] }
  if (node.kind === 'loose') return node
  return {
    ...node,
    of: node.of
      .filter(({ id }) => !ids.has(id))
      .map((one) => without(one, ids))
      .filter(canEnd),
  }
}

/** A race of nothing never ends. */
function canEnd(node: Node): boolean {
  return (node.kind !== 'race' && node.kind !== 'any') || node.of.length > 0
}

/** Every part that can be left out. */
export function partsOf(node: Node): string[] {
  if (!('of' in node) || node.kind === 'loose') return []
  const own = node.kind === 'try' ? [] : node.of.map(({ id }) => id)
  return [...own, ...node.of.flatMap(partsOf)]
}

/** As a person would write it. */
export function show(node: Node): string {
  switch (node.kind) {
    case 'rpc':
    case 'inline': {
      const extras = [
        node.deed === 'succeeds' ? '' : node.deed,
        node.retries > 0 ? `${node.retries} retries after ${node.retryDelayMs} ms` : '',
        node.waitMs > 0 ? `after ≤ ${node.waitMs} ms of something else` : '',
        node.takesMs > 0 ? `takes ≤ ${node.takesMs} ms` : '',
        node.padding > 0 ? `gives ${node.padding} bytes` : '',
        node.draws ? 'given what the body draws' : '',
      ].filter((extra) => extra !== '')
      const name = node.name === node.id ? node.id : `${node.id} named '${node.name}'`
      return `${node.kind} ${[name, ...extras].join(', ')}`
    }
    case 'sleep':
      return `sleep ${node.id} ${node.ms} ms`
    case 'cancel':
      return 'cancel'
    default:
      return `${node.kind}(${node.of.map(show).join('; ')})`
  }
}

import { seededRandom, type Random } from '../random.ts'
import type { Plan } from './plan.ts'

/** What happens to one call of a port. */
export type CallFate =
  /** The process dies before it reaches the store. */
  | 'dies before'
  /** It is applied; the process dies without the answer. */
  | 'dies after its effect'
  /** The process dies once it has acted on the answer. */
  | 'dies after its answer'
  /** Not applied, and said so. */
  | 'refused'
  /** Applied; the caller hears that the store could not be reached. */
  | 'answer lost'
  /** The caller hears that the store could not be reached; it is applied later all the same. */
  | 'applied late'
  /** The first answer is lost; the adapter makes the same call again. */
  | 'made twice'
  /** Request and answer take long. */
  | 'slow'

const callFates: readonly CallFate[] = [
  'dies before',
  'dies after its effect',
  'dies after its answer',
  'refused',
  'answer lost',
  'applied late',
  'made twice',
  'made twice',
  'slow',
  'slow',
]

/** What happens to one message of a queue, or one notice. */
export type MessageFate = 'lost' | 'doubled' | 'late'
const messageFates: readonly MessageFate[] = ['lost', 'lost', 'doubled', 'late']

/** What is drawn for the n-th call or message, as numbers to draw details from. */
export interface Drawn<T> {
  readonly fate: T
  readonly random: Random
}

type Kind = keyof Plan['rates']

/**
 * Decides what goes wrong. A decision depends on the seed, on what it is about and on how often that came by, and on
 * nothing else: leaving out other runs, processes or faults leaves it as it is.
 */
export class Fates {
  readonly #plan: Plan
  readonly #now: () => number
  /** How often each thing came by. */
  readonly #times = new Map<string, number>()
  /** What happened, as ids to keep when the plan is reduced, with words. */
  readonly happened = new Map<string, string>()
  /** By kind. */
  readonly counts = new Map<string, number>()

  constructor(plan: Plan, now: () => number) {
    this.#plan = plan
    this.#now = now
  }

  /** `about`: the run or the process whose call it is. */
  call(name: string, about: string): Drawn<CallFate> | null {
    return this.#draw('call', `${name}.${about}`, callFates)
  }

  message(about: string): Drawn<MessageFate> | null {
    return this.#draw('message', `message.${about}`, messageFates)
  }

  notice(about: string): Drawn<MessageFate> | null {
    return this.#draw('notice', `notice.${about}`, messageFates)
  }

  /** Whether a process dies here, inside a step's function. */
  dies(about: string): boolean {
    return this.#draw('step', `step.${about}`, ['death']) !== null
  }

  /** Whether a fault of the plan happens: it may have been left out. */
  allows(id: string): boolean {
    return this.#plan.kept === null || this.#plan.kept.has(id)
  }

  note(id: string, kind: string): void {
    this.happened.set(id, kind)
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
  }

  #draw<T extends string>(kind: Kind, about: string, from: readonly T[]): Drawn<T> | null {
    const n = (this.#times.get(about) ?? 0) + 1
    this.#times.set(about, n)
    const rate = this.#plan.rates[kind]
    if (rate === 0 || this.#now() >= this.#plan.calmAtMs) return null
    const id = `${about}.${n}`
    const random = seededRandom(hashOf(id, this.#plan.seed))
    if (!random.chance(rate) || !this.allows(id)) return null
    const fate = random.pick(from)
    this.note(id, `${kind}: ${fate}`)
    return { fate, random }
  }
}

function hashOf(text: string, seed: number): number {
  let hash = Math.imul(seed ^ 0x811c9dc5, 0x9e3779b1)
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash ^ (hash >>> 15)
}

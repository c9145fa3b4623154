import { setTimeout as delay } from 'node:timers/promises'
import type { ChaosServer, HeldThing } from './server.ts'

/** What was done to whoever held the thing. */
export type Blow = 'SIGKILL' | 'SIGSTOP' | 'SIGTERM'

interface Watched {
  readonly blow: Blow
  readonly thing: HeldThing
  readonly since: number
  /** Nothing happened to the server meanwhile. */
  undisturbed: boolean
  /** Since when the server has been there for it. */
  possibleSince: number
}

export interface Recovery {
  readonly blow: Blow
  readonly what: 'run' | 'step'
  readonly ms: number
  readonly undisturbed: boolean
}

const pollMs = 40
/** A run that nobody has taken by then, and that has not ended, is stuck. */
const stuckAfterMs = 180_000

/** Looks when what a process held is taken by another one. */
export class Recoveries {
  readonly taken: Recovery[] = []
  /** Things that the process itself still brought to an end, or gave back with nothing to do. */
  finishedByVictim = 0
  readonly stuck: string[] = []
  readonly #server: ChaosServer
  readonly #ignored: (runId: string) => boolean
  #watched: Watched[] = []
  #over = false

  /** `ignored`: runs whose next claim is put off on purpose. */
  constructor(server: ChaosServer, ignored: (runId: string) => boolean) {
    this.#server = server
    this.#ignored = ignored
  }

  watch(blow: Blow, things: readonly HeldThing[]): void {
    const since = performance.now()
    for (const thing of things) {
      if (!this.#ignored(thing.runId)) {
        this.#watched.push({ blow, thing, since, undisturbed: true, possibleSince: since })
      }
    }
  }

  /** The process goes on: what it still holds is its own. */
  forget(blow: Blow, owner: string | undefined): void {
    this.#watched = this.#watched.filter((each) => each.blow !== blow || each.thing.owner !== owner)
  }

  /** What is measured now measures something else as well. */
  disturb(): void {
    const now = performance.now()
    for (const each of this.#watched) Object.assign(each, { undisturbed: false, possibleSince: now })
  }

  get open(): number {
    return this.#watched.length
  }

  stop(): void {
    this.#over = true
  }

  async run(): Promise<void> {
    while (!this.#over) {
      try {
        await this.#look()
      } catch {
        this.disturb() // The server cannot be asked: it is away.
      }
      await delay(pollMs)
    }
  }

  async #look(): Promise<void> {
    const asked = this.#watched
    if (asked.length === 0) return
    const now = await this.#server.look(asked.map(({ thing }) => thing))
    const at = performance.now()
    const done = new Set<Watched>()
    asked.forEach((each, index) => {
      const { thing, blow, since, undisturbed, possibleSince } = each
      const seen = now[index]
      const told = `${thing.runId}${thing.step ? ` step ${thing.step.name}${thing.step.place}` : ''}, held by ${thing.owner}`
      if (seen && seen.epoch > thing.epoch && seen.owner !== thing.owner) {
        done.add(each)
        this.taken.push({ blow, what: thing.step ? 'step' : 'run', ms: at - since, undisturbed })
      } else if (!seen || seen.over || seen.epoch > thing.epoch || (!seen.leased && !seen.wanted)) {
        done.add(each)
        this.finishedByVictim += 1
      } else if (at - possibleSince > stuckAfterMs) {
        done.add(each)
        this.stuck.push(`${told}: nobody took it within ${stuckAfterMs} ms of ${blow}: ${JSON.stringify(seen)}`)
      }
    })
    this.#watched = this.#watched.filter((each) => !done.has(each))
  }
}

import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '@pikku/core/testing'
import type { Fleet, Role, Slot } from './fleet.ts'
import type { Trouble } from './link.ts'
import type { Load } from './load.ts'
import type { Blow, Recoveries } from './recovery.ts'
import type { ChaosServer, HeldThing } from './server.ts'

/** One fault that was done. */
export interface Strike {
  readonly kind: string
  /** A run was in flight on what was hit. */
  readonly hit: boolean
}

export interface AdversaryParts {
  readonly fleet: Fleet
  readonly server: ChaosServer
  readonly load: Load
  readonly recoveries: Recoveries
  readonly random: Random
  readonly leaseMs: number
  /** Told of everything that is done, as it is done. */
  readonly log: (line: string) => void
  /** Outages longer than the engine's patience, and deploys of everything, take time that a short run does not have. */
  readonly long: boolean
}

/** Begins a fault; undefined when there is nothing to do it to now. What is returned ends when the fault has ended. */
type Card = () => Promise<void> | undefined

const meanGapMs = 1_300
/** After a draw that came to nothing, or took its time. */
const catchUpMs = 200
/** On average; what is promised is two seconds. */
const longestGapMs = 1_800

/** Draws faults from a shuffled deck, so that each kind has its turn, and does several at a time. */
export class Adversary {
  readonly strikes: Strike[] = []
  readonly problems: string[] = []
  readonly #parts: AdversaryParts
  readonly #underWay = new Set<Promise<void>>()
  #deck: Card[] = []
  #startedAt = 0
  #serverIsHit = false
  #over = false

  constructor(parts: AdversaryParts) {
    this.#parts = parts
  }

  /** Until `stop`; resolves when everything is mended. */
  async run(): Promise<void> {
    const { random } = this.#parts
    this.#startedAt = Date.now()
    while (!this.#over) {
      await delay(this.#isBehind(meanGapMs) ? catchUpMs : meanGapMs * (0.5 + random.next()))
      this.#strike()
    }
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  stop(): void {
    this.#over = true
  }

  #isBehind(gapMs: number): boolean {
    return this.strikes.length < (Date.now() - this.#startedAt) / gapMs - 1
  }

  /** The first card that can be played; the others come later. With none for long a connection breaks, which always can. */
  #strike(): void {
    if (this.#deck.length < 4) this.#deck.push(...this.#shuffled())
    for (let tries = this.#deck.length; tries > 0; tries--) {
      const card = this.#deck.shift()
      const fault = card?.()
      if (fault) return this.#follow(fault)
      if (card) this.#deck.push(card)
    }
    if (!this.#isBehind(longestGapMs)) return
    const fault = this.#disturbLink('connections dropped', 'refused', 300)
    if (fault) this.#follow(fault)
  }

  #follow(fault: Promise<void>): void {
    const kept = fault
      .catch((error: unknown) => void this.problems.push(error instanceof Error ? (error.stack ?? '') : String(error)))
      .finally(() => this.#underWay.delete(kept))
    this.#underWay.add(kept)
  }

  #shuffled(): Card[] {
    const { random, leaseMs, long, server } = this.#parts
    const ms = (least: number, most: number): number => least + random.below(most - least)
    const frozen = (): number => leaseMs + ms(2_000, 4_000)
    const cut = (): number => (long && random.chance(0.15) ? ms(11_000, 14_000) : ms(500, 5_000))
    const cards: [number, Card][] = [
      [5, () => this.#kill('worker')],
      [1, () => this.#kill('api')],
      [3, () => this.#freeze('worker', frozen())],
      [1, () => this.#freeze('api', ms(1_000, 5_000))],
      [5, () => this.#deploy('worker')],
      [1, () => this.#deploy('api')],
      [3, () => this.#disturbLink('connections dropped', 'refused', ms(300, 2_000))],
      [3, () => this.#disturbLink('connections delayed', { delayMs: ms(50, 600) }, ms(2_000, 6_000))],
      [3, () => this.#disturbLink('answers dropped', 'deaf', cut())],
      [3, () => this.#disturbLink('connections half-open', 'severed', cut())],
      ...Object.keys(server.faults).map((kind): [number, Card] => [1, () => this.#hitServer(kind)]),
    ]
    if (long) cards.push([1, () => this.#deployAll()])
    return random.shuffle(cards.flatMap(([times, card]) => Array.from({ length: times }, () => card)))
  }

  #kill(role: Role): Promise<void> | undefined {
    return this.#strikeAt(role, async (slot) => {
      await this.#blow(`SIGKILL of ${named(role)}`, 'SIGKILL', slot)
      await this.#comesBack(slot)
    })
  }

  #freeze(role: Role, ms: number): Promise<void> | undefined {
    const kind = `SIGSTOP of ${named(role)}${role === 'worker' ? ' for longer than its lease' : ''}`
    return this.#strikeAt(role, async (slot) => {
      const { pid } = slot
      const held = await this.#blow(kind, 'SIGSTOP', slot)
      await delay(ms)
      // Whoever else killed it meanwhile has started another one.
      if (slot.pid === pid) slot.signal('SIGCONT')
      this.#parts.log(`SIGCONT (${slot.name}, pid ${pid})`)
      this.#parts.recoveries.forget('SIGSTOP', held[0]?.owner)
    })
  }

  #deploy(role: Role): Promise<void> | undefined {
    return this.#strikeAt(role, (slot) => this.#replace(slot, slot.version === 1 ? 2 : 1))
  }

  #deployAll(): Promise<void> | undefined {
    const { fleet, random } = this.#parts
    const version = random.pick([1, 2] as const)
    return (async () => {
      for (const slot of fleet.slots) {
        while (!slot.ready || slot.disturbed) await delay(100)
        slot.disturbed = true
        await this.#replace(slot, version).finally(() => (slot.disturbed = false))
      }
    })()
  }

  async #replace(slot: Slot, version: 1 | 2): Promise<void> {
    slot.version = version
    const ended = slot.endings.length
    await this.#blow(`SIGTERM of ${named(slot.role)}, another version follows`, 'SIGTERM', slot)
    const until = Date.now() + 45_000
    while (slot.endings.length === ended && Date.now() < until) await delay(20)
    if (slot.endings.length === ended) {
      this.problems.push(`${slot.name} (pid ${slot.pid}) has not ended 45 s after SIGTERM`)
      // It says what it has open.
      slot.signal('SIGUSR2')
      await delay(2_000)
      slot.signal('SIGKILL')
    }
    await this.#comesBack(slot)
  }

  /** Of anybody that has started, whatever else is being done to it: who never gets so far has nothing to lose. */
  #disturbLink(kind: string, trouble: Trouble, ms: number): Promise<void> | undefined {
    const { fleet, random, log } = this.#parts
    const slots = fleet.of(random.chance(0.85) ? 'worker' : 'api').filter(({ link, ready }) => link.isFine && ready)
    if (slots.length === 0) return undefined
    return (async () => {
      const { slot, isBusy } = await this.#aim(slots)
      // Somebody was faster.
      if (!slot.link.isFine) return
      this.#note(kind, isBusy, slot)
      slot.link.disturb(trouble)
      await delay(ms)
      slot.link.mend()
      log(`mended: ${kind} (${slot.name})`)
    })()
  }

  #hitServer(kind: string): Promise<void> | undefined {
    const { server, load, recoveries, random, long, log } = this.#parts
    const fault = server.faults[kind]
    if (this.#serverIsHit || !fault) return undefined
    this.#serverIsHit = true
    // Now and then for longer than calls are repeated.
    const ms = long && random.chance(0.1) ? 11_000 + random.below(2_000) : 300 + random.below(long ? 3_000 : 1_200)
    return (async () => {
      this.#note(kind, load.busy)
      recoveries.disturb()
      await fault(() => delay(ms)).finally(() => recoveries.disturb())
      log(`mended: ${kind}`)
      // Work is to be under way again before the next one.
      await delay(long ? 6_000 : 2_000)
    })().finally(() => (this.#serverIsHit = false))
  }

  /** Picks one that nobody is doing anything to, never the last one of its role, rather one that has something to lose. */
  #strikeAt(role: Role, act: (slot: Slot) => Promise<void>): Promise<void> | undefined {
    const calm = this.#parts.fleet.calm(role)
    if (calm.length < 2) return undefined
    return (async () => {
      const { slot } = await this.#aim(calm)
      // Somebody was faster.
      if (slot.disturbed || !slot.ready) return
      slot.disturbed = true
      await act(slot).finally(() => (slot.disturbed = false))
    })()
  }

  async #aim(slots: readonly Slot[]): Promise<{ slot: Slot; isBusy: boolean }> {
    const { random, load } = this.#parts
    const [first, ...others] = random.shuffle(slots)
    if (!first) throw new Error('nobody to aim at')
    for (const slot of [first, ...others]) {
      if (load.isAsking(slot) || (await this.#heldBy(slot)).length > 0) return { slot, isBusy: true }
    }
    return { slot: first, isBusy: false }
  }

  /** Sends the signal, and from then on looks for what the process held. */
  async #blow(kind: string, blow: Blow, slot: Slot): Promise<readonly HeldThing[]> {
    const { recoveries, load, server } = this.#parts
    const before = await this.#heldBy(slot)
    this.#note(kind, before.length > 0 || load.isAsking(slot), slot)
    slot.signal(blow)
    if (blow === 'SIGTERM') {
      recoveries.watch(blow, before)
      return before
    }
    // What it was just giving back is not in its hands any more.
    const after = await server.look(before).catch(() => [])
    const held = before.filter(({ epoch, owner }, index) => {
      const now = after[index]
      return now?.leased === true && now.epoch === epoch && now.owner === owner
    })
    recoveries.watch(blow, held)
    return held
  }

  /** Nothing is known while the server is away. */
  async #heldBy(slot: Slot): Promise<readonly HeldThing[]> {
    return this.#parts.server.leasesOf(slot.pid).catch(() => [])
  }

  /** However often it takes: while the server is away nobody starts. */
  async #comesBack(slot: Slot): Promise<void> {
    await slot.untilReady()
  }

  #note(kind: string, hit: boolean, slot?: Slot): void {
    this.strikes.push({ kind, hit })
    const on = slot ? ` (${slot.name}, pid ${slot.pid})` : ''
    this.#parts.log(`${kind}${on}${hit ? '' : ', idle'}`)
  }
}

const named = (role: Role): string => (role === 'api' ? 'an API process' : 'a worker')

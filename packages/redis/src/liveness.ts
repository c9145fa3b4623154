import { StoreUnavailableError } from '@pikku/core/contract'
import { aliveChannel } from './connection.ts'
import type { Bucket, RedisLink, Reply } from './connection.ts'
import { list, text } from './rows.ts'

/** Who is dead, by what the server says. */
export interface Judgement {
  readonly dead: readonly string[]
  /** Until the next owner's grace is over (ms); null: nobody else is missing. */
  readonly nextInMs: number | null
}

/** Whoever cannot be asked who is alive for so long (ms) is asked by the next sweep. */
const askMs = 1000

/** So many owners are looked at by one script, and so many dead ones by a sweep: the next one sees to the others. */
const ownersAtOnce = 200
const deadAtOnce = 50

const nobody: Judgement = { dead: [], nextInMs: null }

/**
 * Which processes live. Each is subscribed to a channel of its own, which the server forgets with its connection; a sweep
 * asks how many are subscribed to the channels of those that enlisted.
 */
export class Liveness {
  readonly #link: RedisLink
  readonly #own = new Set<string>()

  constructor(link: RedisLink) {
    this.#link = link
  }

  /** The subscription comes before the note: a note without it says that this owner is gone. */
  async enlist(owner: string): Promise<void> {
    await this.#link.ready()
    await this.#link.stayAlive(owner)
    await this.#link.call('enlist', this.#first, [owner])
    this.#own.add(owner)
  }

  /** Note who is missing. Dead is who was missed twice, `graceMs` apart. */
  async judge(graceMs: number): Promise<Judgement> {
    try {
      return await this.#judge(graceMs)
    } catch (error) {
      // The master that knows the owners is away, and others may not be: their runs are to be swept.
      if (this.#link.buckets.length === 1 || !(error instanceof StoreUnavailableError)) throw error
      this.#link.options.logger.debug('nobody can be asked who is alive', error)
      return nobody
    }
  }

  async #judge(graceMs: number): Promise<Judgement> {
    const owners = await this.#enlisted()
    if (owners.length === 0) return nobody
    const channels = owners.map((owner) => aliveChannel(this.#link.prefix, owner))
    const nodes = await this.#link.everyNode([
      ['info', 'server'],
      ['pubsub', 'numsub', ...channels],
    ])
    // One that cannot be asked may be the one they are subscribed at.
    if (!nodes) return nobody
    const counts = nodes.map(([, answer]) => list(answer))
    const isHeard = owners.map((_, at) => counts.some((pairs) => Number(pairs[2 * at + 1]) > 0))
    // It lives: its subscription is at a server that was left, and nobody else sees it either.
    if (owners.some((owner, at) => this.#own.has(owner) && !isHeard[at])) this.#link.stayAnew()
    const args = owners.flatMap((owner, at) => [owner, isHeard[at] ? '1' : '0'])
    const { dead, nextInMs } = await this.#note(graceMs, args)
    // After its start nobody had the time to subscribe again.
    const youngMs = Math.max(...nodes.map(([info]) => graceMs - this.#upMs(info)))
    if (youngMs > 0) return { dead: [], nextInMs: youngMs }
    return dead.length > deadAtOnce ? { dead: dead.slice(0, deadAtOnce), nextInMs: 0 } : { dead, nextInMs }
  }

  /** `owners`: each with '1' if somebody is subscribed to its channel. */
  async #note(graceMs: number, owners: readonly string[]): Promise<Judgement> {
    const dead: string[] = []
    const dues: number[] = []
    for (let at = 0; at < owners.length; at += 2 * ownersAtOnce) {
      const slice = owners.slice(at, at + 2 * ownersAtOnce)
      const [dueInMs, ...found] = list(await this.#link.call('note-owners', this.#first, [graceMs, ...slice]))
      dead.push(...found.map(text))
      if (typeof dueInMs === 'number') dues.push(dueInMs)
    }
    return { dead, nextInMs: dues.length === 0 ? null : Math.min(...dues) }
  }

  /** They are dead and hold nothing any more. */
  async forget(dead: readonly string[]): Promise<void> {
    await this.#link.call('forget-owners', this.#first, dead)
  }

  async #enlisted(): Promise<readonly string[]> {
    const [reply] = await this.#link.read(this.#first, [['hkeys', `${this.#first.root}:owners`]], askMs)
    const owners = list(reply).map(text)
    // Taken for dead and forgotten, while this process was cut off from the server.
    const forgotten = [...this.#own].filter((owner) => !owners.includes(owner))
    for (const owner of forgotten) await this.#link.call('enlist', this.#first, [owner])
    return [...owners, ...forgotten]
  }

  /** By the clock that the scripts go by. */
  #upMs(info: Reply | undefined): number {
    const seconds = /uptime_in_seconds:(\d+)/.exec(text(info))?.[1]
    return Number(seconds ?? 0) * 1000 + (this.#link.options.clockOffsetMs?.() ?? 0)
  }

  /** The bucket that knows the owners of all. */
  get #first(): Bucket {
    const [first] = this.#link.buckets
    if (!first) throw new Error('no buckets are known yet: the link is not ready')
    return first
  }
}

import type { RunId } from '@pikku/core/contract'
import type { Bucket, Command, RedisLink } from './connection.ts'
import { list, text } from './rows.ts'

/** Where a run stands in an index: by an instant, and by its id among those of the same instant. */
export interface Place {
  readonly at: number
  readonly runId: RunId
}

export interface WalkAsk {
  /** Names of indexes below a bucket's root: a run is met once, in however many of them it is. */
  readonly indexes: readonly string[]
  readonly order: 'newest first' | 'oldest first'
  /** Behind this place only. */
  readonly after: Place | null
  /** Later and earlier than these instants only. */
  readonly later?: number | undefined
  readonly earlier?: number | undefined
}

/** So many entries are read of one index at once, and together. */
const sliceSize = 100
const atOnce = 200

/** Runs by several indexes of every bucket, in one order. Reads no more of them than it is asked for. */
export class IndexWalk {
  readonly #walks: readonly OneIndex[]
  readonly #compare: (a: Place, b: Place) => number
  #last: Place | undefined

  constructor(link: RedisLink, ask: WalkAsk) {
    const parts = link.buckets.length * ask.indexes.length
    const size = Math.min(sliceSize, Math.max(5, Math.ceil(atOnce / Math.max(1, parts))))
    this.#walks = link.buckets.flatMap((bucket) =>
      ask.indexes.map((name) => new OneIndex({ link, bucket, name, ask, size })),
    )
    this.#compare = (a, b) => (ask.order === 'newest first' ? compare(b, a) : compare(a, b))
  }

  /** The next run and the bucket it is in; null behind the last. */
  async next(): Promise<(Place & { bucket: Bucket }) | null> {
    await Promise.all(this.#walks.map((walk) => walk.fill()))
    for (;;) {
      const first = this.#first()
      if (!first?.head) return null
      const place = first.head
      first.drop()
      await first.fill()
      if (this.#last && compare(this.#last, place) === 0) continue
      this.#last = place
      return { ...place, bucket: first.bucket }
    }
  }

  #first(): OneIndex | undefined {
    let first: OneIndex | undefined
    for (const walk of this.#walks) {
      if (walk.head && (!first?.head || this.#compare(walk.head, first.head) < 0)) first = walk
    }
    return first
  }
}

/** As Redis orders the members of one score: by their bytes. */
function compare(a: Place, b: Place): number {
  return a.at - b.at || Buffer.compare(Buffer.from(a.runId), Buffer.from(b.runId))
}

interface OneIndexSetup {
  readonly link: RedisLink
  readonly bucket: Bucket
  readonly name: string
  readonly ask: WalkAsk
  readonly size: number
}

class OneIndex {
  readonly bucket: Bucket
  readonly #setup: OneIndexSetup
  #slice: Place[] = []
  #isOver = false
  #from: string
  /** How many of the instant it reads on from it has read. */
  #skip = 0

  constructor(setup: OneIndexSetup) {
    this.#setup = setup
    this.bucket = setup.bucket
    const { after, order, later, earlier } = setup.ask
    const bound = order === 'newest first' ? earlier : later
    const limit = bound === undefined ? (order === 'newest first' ? '+inf' : '-inf') : `(${bound}`
    const isInside =
      after !== null && (bound === undefined || (order === 'newest first' ? after.at < bound : after.at > bound))
    this.#from = isInside ? `${after.at}` : limit
  }

  get head(): Place | undefined {
    return this.#slice[0]
  }

  drop(): void {
    this.#slice.shift()
  }

  async fill(): Promise<void> {
    while (this.#slice.length === 0 && !this.#isOver) await this.#read()
  }

  async #read(): Promise<void> {
    const { link, ask, size } = this.#setup
    const [found = null] = await link.read(this.bucket, [this.#command()])
    const entries = list(found)
    const places: Place[] = []
    for (let at = 0; at < entries.length; at += 2) {
      places.push({ runId: text(entries[at]), at: Number(entries[at + 1]) })
    }
    this.#isOver = places.length < size
    const last = places.at(-1)
    if (!last) return
    const tied = places.filter(({ at }) => at === last.at).length
    this.#skip = this.#from === `${last.at}` ? this.#skip + tied : tied
    this.#from = `${last.at}`
    this.#slice = places.filter((place) => isBehind(place, ask))
  }

  #command(): Command {
    const { bucket, name, ask, size } = this.#setup
    const key = `${bucket.root}:${name}`
    const tail = ['withscores', 'limit', this.#skip, size] as const
    if (ask.order === 'newest first') {
      return ['zrevrangebyscore', key, this.#from, ask.later === undefined ? '-inf' : `(${ask.later}`, ...tail]
    }
    return ['zrangebyscore', key, this.#from, ask.earlier === undefined ? '+inf' : `(${ask.earlier}`, ...tail]
  }
}

function isBehind(place: Place, { after, order }: WalkAsk): boolean {
  if (!after) return true
  return order === 'newest first' ? compare(place, after) < 0 : compare(place, after) > 0
}

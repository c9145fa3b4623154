import { StoreUnavailableError } from '@pikku/core/contract'
import type { Sweep, Swept, WorkItem } from '@pikku/core/contract'
import type { Bucket, RedisLink, Reply } from './connection.ts'
import type { Liveness } from './liveness.ts'
import type { Outbox } from './outbox.ts'
import { count, list, text, toItem } from './rows.ts'

/** Runs, runs held by the dead, orphans, steps, steps held by the dead: each has a limit of its own. */
const kinds = [0, 1, 2, 3, 4] as const

/** What one slice of one bucket answers; see lua/sweep.lua. */
interface Slice {
  readonly bucket: Bucket
  readonly items: readonly WorkItem[]
  readonly taken: readonly number[]
  readonly hasMore: readonly boolean[]
  readonly isCut: boolean
  readonly dueInMs: number | null
  readonly entries: readonly string[]
  readonly isHeld: boolean
}

/** The sweep: slices of every bucket at once, until the limits are reached or nothing is due. */
export class SweepOperations {
  readonly #link: RedisLink
  readonly #outbox: Outbox
  readonly #liveness: Liveness
  #sweeps = 0

  constructor(link: RedisLink, { outbox, liveness }: { readonly outbox: Outbox; readonly liveness: Liveness }) {
    this.#link = link
    this.#outbox = outbox
    this.#liveness = liveness
  }

  async sweep(ask: Sweep): Promise<Swept> {
    await this.#link.ready()
    const { dead, nextInMs } = await this.#liveness.judge(ask.graceMs)
    const { slices, left, isWhole } = await this.#sweepBuckets(ask, dead)
    const last = [...new Map(slices.map((slice) => [slice.bucket, slice])).values()]
    if (dead.length > 0 && isWhole && last.every(({ isHeld }) => !isHeld)) await this.#liveness.forget(dead)
    const deliveries = slices.flatMap(({ bucket, entries }) => entries.map((id) => this.#outbox.deliver(bucket, id)))
    const delivered = (await Promise.all(deliveries)).flat()
    const dues = [nextInMs, ...last.map(({ dueInMs }) => dueInMs)].filter((due) => due !== null)
    return {
      items: [...slices.flatMap(({ items }) => items), ...delivered],
      full: kinds.some((kind) => left[kind] === 0 && last.some(({ hasMore }) => hasMore[kind])),
      nextDueInMs: dues.length === 0 ? null : Math.min(...dues),
    }
  }

  /** Who has nothing more to give leaves its share of the limits to the others. */
  async #sweepBuckets(ask: Sweep, dead: readonly string[]): Promise<SweptBuckets> {
    const left = kinds.map(() => ask.limit)
    const slices: Slice[] = []
    const failed: unknown[] = []
    let open = this.#inTurn()
    while (open.length > 0) {
      const asked = open.map((bucket, at) => {
        return this.#sweepBucket(bucket, { ask, dead, limits: left.map((limit) => shareOf(limit, open.length, at)) })
      })
      const settled = await Promise.allSettled(asked)
      failed.push(...settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : [])))
      const found = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      for (const { taken } of found) for (const kind of kinds) left[kind] = (left[kind] ?? 0) - (taken[kind] ?? 0)
      slices.push(...found)
      const goesOn = ({ isCut, hasMore }: Slice): boolean =>
        isCut || kinds.some((kind) => hasMore[kind] && (left[kind] ?? 0) > 0)
      open = found.filter(goesOn).map(({ bucket }) => bucket)
    }
    if (failed.length > 0) this.#skip(failed, slices)
    return { slices, left, isWhole: failed.length === 0 }
  }

  /** A master that is away keeps nobody from what is due at the others. */
  #skip(failed: readonly unknown[], slices: readonly Slice[]): void {
    const worst = failed.find((error) => !(error instanceof StoreUnavailableError)) ?? failed[0]
    if (slices.length === 0 || !(worst instanceof StoreUnavailableError)) throw worst
    this.#link.options.logger.debug(`${failed.length} of ${this.#link.buckets.length} buckets were not swept`, worst)
  }

  /** Each sweep begins elsewhere: where a limit does not reach all of them, it reaches others the next time. */
  #inTurn(): Bucket[] {
    const { buckets } = this.#link
    const first = this.#sweeps % buckets.length
    this.#sweeps += 1
    return [...buckets.slice(first), ...buckets.slice(0, first)]
  }

  async #sweepBucket(bucket: Bucket, { ask, dead, limits }: Slicing): Promise<Slice> {
    const known = ask.known.flatMap(({ name, codeHash }) => [name, codeHash])
    const args = [ask.redispatchAfterMs, ...limits, dead.length, ...dead, ...known]
    const reply: Reply = await this.#link.call('sweep', bucket, args)
    const [items, taken, hasMore, isCut, dueInMs, entries, isHeld] = list(reply)
    return {
      bucket,
      items: list(items).map(toItem),
      taken: list(taken).map(count),
      hasMore: list(hasMore).map((more) => more === '1'),
      isCut: isCut === '1',
      dueInMs: typeof dueInMs === 'number' ? dueInMs : null,
      entries: list(entries).map(text),
      isHeld: isHeld === '1',
    }
  }
}

interface SweptBuckets {
  readonly slices: readonly Slice[]
  readonly left: readonly number[]
  readonly isWhole: boolean
}

interface Slicing {
  readonly ask: Sweep
  readonly dead: readonly string[]
  readonly limits: readonly number[]
}

/** What the one at this place gets, when so many share: the first ones get what does not divide. */
function shareOf(limit: number, sharers: number, at: number): number {
  return Math.floor(limit / sharers) + (at < limit % sharers ? 1 : 0)
}

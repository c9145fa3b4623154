export interface BatcherOptions<T> {
  /** At most this many items per batch. */
  readonly max: number
  /** At most this much weight per batch, by `weigh`; a heavier item goes alone. */
  readonly maxWeight?: number
  readonly weigh?: (item: T) => number
  /** Deals with its own failures. */
  readonly flush: (batch: readonly T[]) => Promise<void>
}

/**
 * Gathers what is added in one turn of the event loop into one batch. One batch is under way at a time, so what is added
 * meanwhile makes the next one: the busier, the larger the batches.
 */
export class Batcher<T> {
  readonly #options: BatcherOptions<T>
  #waiting: T[] = []
  #running: Promise<void> | undefined

  constructor(options: BatcherOptions<T>) {
    this.#options = options
  }

  /** One more for the next batch. */
  add(item: T): void {
    this.#waiting.push(item)
    this.#running ??= this.#run()
  }

  /** Resolves when everything added so far has been flushed. */
  async drained(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) await this.#options.flush(this.#take())
    this.#running = undefined
  }

  #take(): T[] {
    const { max, maxWeight = Infinity, weigh = () => 0 } = this.#options
    let count = 0
    let weight = 0
    for (const item of this.#waiting) {
      weight += weigh(item)
      if (count === max || (count > 0 && weight > maxWeight)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }
}

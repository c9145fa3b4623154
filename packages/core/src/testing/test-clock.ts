import type { Clock } from '../contract/index.ts'

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

/**
 * Time that stands still until a test moves it.
 *
 * @example
 * const clock = new TestClock()
 * const slept = clock.sleep(5_000)
 * await clock.advance(5_000)
 * await slept
 */
export class TestClock implements Clock {
  #now: number
  #sleepers: Sleeper[] = []

  constructor(startAt = Date.UTC(2030, 0, 1)) {
    this.#now = startAt
  }

  now(): number {
    return this.#now
  }

  elapsed(): number {
    return this.#now
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms <= 0 || signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const abort = (): void => this.#rouse((one) => one === sleeper)
      const wake = (): void => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      const sleeper: Sleeper = { at: this.#now + ms, wake }
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** Move on, waking sleepers in the order of their time, each with the clock at its own moment. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms
    for (;;) {
      const next = this.#sleepers.reduce((least, { at }) => Math.min(least, at), Infinity)
      if (next > until) break
      this.#now = Math.max(this.#now, next)
      this.#rouse(({ at }) => at <= this.#now)
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#now = until
  }

  /** When the next sleeper wakes, in ms from now; null: nobody sleeps. */
  nextInMs(): number | null {
    if (this.#sleepers.length === 0) return null
    return Math.min(...this.#sleepers.map(({ at }) => at)) - this.#now
  }

  #rouse(which: (sleeper: Sleeper) => boolean): void {
    const roused = this.#sleepers.filter(which).sort((a, b) => a.at - b.at)
    this.#sleepers = this.#sleepers.filter((sleeper) => !which(sleeper))
    for (const { wake } of roused) wake()
  }
}

import type { Clock, KnownWorkflow, WorkflowStore } from '../contract/index.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Report } from './report.ts'
import type { EngineSettings } from './settings.ts'

const itemsOfEachKind = 500
/** Timers closer together than this are met by one sweep. */
const leastGapMs = 5

/** The guarantee behind every doorbell: finds what stalled or came due, and rings it. Never overlaps itself. */
export class Sweeper {
  readonly #store: WorkflowStore
  readonly #clock: Clock
  readonly #dispatcher: Dispatcher
  readonly #known: () => readonly KnownWorkflow[]
  readonly #settings: EngineSettings
  readonly #report: Report
  #stopped = false
  #sleeping: AbortController | null = null
  /** By this process' clock. */
  #wakeAt = 0
  #loop: Promise<void> | null = null

  constructor(parts: {
    store: WorkflowStore
    clock: Clock
    dispatcher: Dispatcher
    known: () => readonly KnownWorkflow[]
    settings: EngineSettings
    report: Report
  }) {
    this.#store = parts.store
    this.#clock = parts.clock
    this.#dispatcher = parts.dispatcher
    this.#known = parts.known
    this.#settings = parts.settings
    this.#report = parts.report
  }

  start(): void {
    this.#loop ??= this.#sweepForEver()
  }

  /** A timer was set here: be there when it is due. */
  expectIn(ms: number): void {
    const at = this.#clock.now() + ms
    if (at >= this.#wakeAt) return
    this.#wakeAt = at
    this.#sleeping?.abort()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#sleeping?.abort()
    await this.#loop
  }

  async #sweepForEver(): Promise<void> {
    while (!this.#stopped) {
      this.#wakeAt = this.#clock.now() + this.#jittered()
      const waitMs = await this.#sweep()
      this.#wakeAt = Math.min(this.#wakeAt, this.#clock.now() + waitMs)
      await this.#sleep()
    }
  }

  /** Until it is time. Never longer than the interval, whatever was done to this machine's clock meanwhile. */
  async #sleep(): Promise<void> {
    let elapsed = false
    while (!elapsed && !this.#stopped && this.#clock.now() < this.#wakeAt) {
      const sleeping = (this.#sleeping = new AbortController())
      const leftMs = this.#wakeAt - this.#clock.now()
      await this.#clock.sleep(Math.min(leftMs, this.#settings.sweepMs), sleeping.signal)
      elapsed = !sleeping.signal.aborted
    }
  }

  /** One sweep; answers when the next is due. */
  async #sweep(): Promise<number> {
    const { sweepMs, redispatchAfterMs, deathGraceMs: graceMs } = this.#settings
    try {
      const swept = await this.#store.sweep({
        limit: itemsOfEachKind,
        redispatchAfterMs,
        graceMs,
        known: this.#known(),
      })
      this.#dispatcher.dispatchSwept(swept.items)
      return swept.full ? 0 : Math.max(leastGapMs, swept.nextDueInMs ?? sweepMs)
    } catch (error) {
      this.#report({ kind: 'trouble', during: 'sweeping', error })
      return sweepMs
    }
  }

  /** Up to a tenth earlier, so that many processes do not sweep in step. */
  #jittered(): number {
    return this.#settings.sweepMs * (1 - Math.random() / 10)
  }
}

import type { Clock, Step } from '../contract/index.ts'
import { stepKey } from '../domain/step-id.ts'

/** The store's clock may be behind this process': then a sleep is asked for again a moment later. */
const againMs = 10

/**
 * The sleeps of one run that have not ended, by what has elapsed here since they were read. The store ends them with the next claim or commit;
 * while inline steps keep the run held here, nobody but its holder makes one.
 */
export class DueSleeps {
  readonly #dueAt = new Map<string, number>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note({ id, kind, settledSeq, dueInMs }: Step): void {
    if (kind !== 'sleep') return
    if (settledSeq !== null || dueInMs === null) this.#dueAt.delete(stepKey(id))
    else this.#dueAt.set(stepKey(id), this.#clock.elapsed() + dueInMs)
  }

  get nextDueInMs(): number | null {
    return this.#dueAt.size === 0 ? null : Math.min(...this.#dueAt.values()) - this.#clock.elapsed()
  }

  /** Whether one is due: the store is to be asked. */
  takeDue(): boolean {
    const now = this.#clock.elapsed()
    let due = false
    for (const [key, dueAt] of this.#dueAt) {
      if (dueAt > now) continue
      this.#dueAt.set(key, now + againMs)
      due = true
    }
    return due
  }
}

import type { Clock } from '../../contract/index.ts'
import { systemClock } from '../../engine/system-clock.ts'
import { TestClock } from '../test-clock.ts'

/** The grace that replay gives a body which awaits something that is not a step. Told from virtual sleeps by its length. */
export const realGraceMs = 2_000.5

/** Time that moves when a test moves it, except for what waits for things outside, which are in no virtual time. */
export class VirtualClock implements Clock {
  readonly #virtual: TestClock
  /** Graces that are being waited for. */
  graces = 0

  constructor(startAt: Date | undefined) {
    this.#virtual = new TestClock(startAt?.getTime())
  }

  now(): number {
    return this.#virtual.now()
  }

  elapsed(): number {
    return this.#virtual.elapsed()
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    // It is slept in ten parts; a short one is a tenth of it.
    if (ms !== realGraceMs / 10 && ms !== realGraceMs / 10 / 10) return this.#virtual.sleep(ms, signal)
    this.graces += 1
    await systemClock.sleep(ms, signal)
    this.graces -= 1
  }

  nextInMs(): number | null {
    return this.#virtual.nextInMs()
  }

  advance(ms: number): Promise<void> {
    return this.#virtual.advance(ms)
  }
}

import type { RunId } from '../contract/index.ts'
import type { ParkedRun } from './run-turns.ts'

/** Replays kept between two claims, the least recently used dropped first. Dropping any of them at any time is right. */
export class ParkedRuns {
  readonly #runs = new Map<RunId, ParkedRun>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  put(runId: RunId, parked: ParkedRun): void {
    this.#runs.set(runId, parked)
    for (const [oldest, dropped] of this.#runs) {
      if (this.#runs.size <= this.#most) return
      this.#runs.delete(oldest)
      dropped.body.replay.abandon()
    }
  }

  take(runId: RunId): ParkedRun | null {
    const parked = this.#runs.get(runId) ?? null
    this.#runs.delete(runId)
    return parked
  }

  drop(runId: RunId): void {
    this.take(runId)?.body.replay.abandon()
  }

  dropAll(): void {
    for (const runId of [...this.#runs.keys()]) this.drop(runId)
  }
}

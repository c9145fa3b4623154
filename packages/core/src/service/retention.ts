import type { Clock, WorkflowAdmin } from '../contract/index.ts'
import { parseDuration } from '../domain/duration.ts'
import type { Report } from '../engine/report.ts'

const betweenMs = 60_000
const atOnce = 1_000

/** Deletes ended runs once they are old enough; where several processes do it they share the work. */
export class Retention {
  readonly #admin: WorkflowAdmin
  readonly #clock: Clock
  readonly #keepMs: number | null
  readonly #report: Report
  readonly #stopped = new AbortController()
  #started = false

  constructor(parts: { admin: WorkflowAdmin; clock: Clock; retention: number | string | undefined; report: Report }) {
    this.#admin = parts.admin
    this.#clock = parts.clock
    this.#keepMs = parts.retention === undefined ? null : parseDuration(parts.retention, "option 'retention'")
    this.#report = parts.report
  }

  start(): void {
    if (this.#started || this.#keepMs === null) return
    this.#started = true
    void this.#deleteForEver(this.#keepMs)
  }

  stop(): void {
    this.#stopped.abort()
  }

  async #deleteForEver(keepMs: number): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      try {
        const deleted = await this.#admin.deleteRuns({ finishedBefore: this.#clock.now() - keepMs, limit: atOnce })
        if (deleted === atOnce) continue
      } catch (error) {
        this.#report({ kind: 'trouble', during: 'deleting old runs', error })
      }
      await this.#clock.sleep(betweenMs, this.#stopped.signal)
    }
  }
}

import { WorkflowError } from '../../contract/index.ts'
import type { Plan, PlannedRun } from './plan.ts'
import { inLane, type Scheduler } from './scheduler.ts'
import type { SimProcess } from './sim-process.ts'

const againMs = 1_000

/**
 * Those who ask from outside: they start runs (again, after a crash of their own, under the same id), cancel them, press
 * "resume", and wait for their ends.
 */
export class Clients {
  readonly #plan: Plan
  readonly #scheduler: Scheduler
  readonly #broken: (error: unknown) => void
  /** How each run ended, as whoever waited for it was told. */
  readonly told = new Map<string, string>()

  constructor(plan: Plan, scheduler: Scheduler, broken: (error: unknown) => void) {
    this.#plan = plan
    this.#scheduler = scheduler
    this.#broken = broken
  }

  /** This process begins its work, perhaps that of one that has died. */
  begin(process: SimProcess): void {
    inLane(process.lane, () => {
      for (const run of this.#plan.runs) {
        void this.#start(process, run).catch(this.#broken)
        this.#at(run.cancelAtMs, () => this.#persist(() => process.service.cancelRun(run.runId, 'from outside')))
        this.#at(run.resumeAtMs, () => this.#persist(() => process.service.resumeRun(run.runId)))
      }
    })
  }

  async #start(process: SimProcess, { runId, workflow, startAtMs }: PlannedRun): Promise<void> {
    await pause(Math.max(0, startAtMs - this.#scheduler.now))
    // In inline mode this waits for the end of the run, so what comes next does not wait for it.
    void this.#persist(() => process.service.startRun(workflow, { runId }, { runId })).catch(this.#broken)
    await this.#wait(process, runId)
  }

  async #wait(process: SimProcess, runId: string): Promise<void> {
    const end = await this.#persist(() =>
      process.service.waitForRun(runId).then(
        () => 'completed',
        (error: unknown) => {
          if (isToBeAskedAgain(error)) throw error
          return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
        },
      ),
    )
    this.told.set(runId, end)
  }

  #at(atMs: number | null, ask: () => Promise<unknown>): void {
    if (atMs === null || atMs < this.#scheduler.now) return
    void pause(atMs - this.#scheduler.now)
      .then(ask)
      .catch(this.#broken)
  }

  /** As an app would: whatever could not be asked is asked again a little later. */
  async #persist<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        if (!isToBeAskedAgain(error)) throw error
        await pause(againMs)
      }
    }
  }
}

function isToBeAskedAgain(error: unknown): boolean {
  return WorkflowError.is(error, 'STORE_UNAVAILABLE') || WorkflowError.is(error, 'RUN_NOT_FOUND')
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

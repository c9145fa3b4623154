import assert from 'node:assert/strict'
import type { Attempt, StepDetail } from '../../contract/index.ts'
import { stepKey } from '../../domain/step-id.ts'

/** What really happened, kept outside the store: every entry of a step's function. */
export class Ledger {
  /** By run: by step and attempt. */
  readonly #rpc = new Map<string, Map<string, number>>()
  readonly #inline = new Map<string, number>()
  readonly #notes: string[] = []

  enterRpc(runId: string, stepId: string, attempt: number): void {
    const ofRun = this.#rpc.get(runId) ?? new Map<string, number>()
    this.#rpc.set(runId, ofRun)
    const key = attemptKey(stepId, attempt)
    ofRun.set(key, (ofRun.get(key) ?? 0) + 1)
  }

  enterInline(runId: string, name: string): void {
    const key = `${runId} ${name}`
    this.#inline.set(key, (this.#inline.get(key) ?? 0) + 1)
  }

  /** A side effect of the scenario's own. */
  note(what: string): void {
    this.#notes.push(what)
  }

  notes(): readonly string[] {
    return this.#notes
  }

  count(what: string): number {
    return this.#notes.filter((note) => note === what).length
  }

  /** The attempts of rpc steps that were entered so far, with how often. */
  entered(runId: string): ReadonlyMap<string, number> {
    return new Map(this.#rpc.get(runId))
  }

  /**
   * Each attempt was entered once at most, and nothing that is not on record. `calm`: nothing died or froze, so there were
   * exactly as many side effects as attempts begun.
   */
  check(
    runId: string,
    read: {
      steps: readonly StepDetail[]
      attempts: readonly Attempt[]
      /** Taken before those were read: what is entered meanwhile is not among them. */
      entered: ReadonlyMap<string, number>
    },
    calm: boolean,
  ): void {
    const { steps, attempts } = read
    const unknown = new Map(read.entered)
    for (const step of steps.filter(({ kind }) => kind === 'rpc')) {
      for (let attempt = 1; attempt <= step.attempt; attempt += 1) {
        const key = attemptKey(stepKey(step.id), attempt)
        const entered = unknown.get(key) ?? 0
        unknown.delete(key)
        const told = `attempt ${attempt} of step ${stepKey(step.id)} of run ${runId} was entered ${entered} times`
        assert.ok(entered <= 1, told)
        if (calm) assert.equal(entered, 1, told)
      }
    }
    for (const key of unknown.keys()) assert.fail(`${key} of run ${runId} was entered, and is not on record`)
    const names = new Set(steps.filter(({ kind }) => kind === 'inline').map(({ id }) => id.name))
    for (const name of names) {
      const recorded = attempts.filter(({ step, kind }) => kind === 'inline' && step.name === name).length
      const entered = this.#inline.get(`${runId} ${name}`) ?? 0
      const told = `inline steps '${name}' of run ${runId}: ${entered} entries, ${recorded} attempts on record`
      if (calm) assert.equal(entered, recorded, told)
      else assert.ok(entered >= recorded, told)
    }
  }
}

function attemptKey(stepId: string, attempt: number): string {
  return `step ${stepId} attempt ${attempt}`
}

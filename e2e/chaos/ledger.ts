import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Effect } from '../app/src/chaos/effects.js'

/** What really happened, by what the steps wrote at their entry. */
export class Ledger {
  /** By run: by step and attempt of RPC steps, by name of inline ones: how often. */
  readonly #entries = new Map<string, Map<string, number>>()
  rpc = 0
  inline = 0
  /** Of both: entries that killed their process. */
  poison = 0

  constructor(folder: string) {
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.jsonl'))) {
      // Whoever was killed in the middle of a line had not entered yet.
      const lines = readFileSync(path.join(folder, name), 'utf8').split('\n').slice(0, -1)
      for (const line of lines) this.#add(JSON.parse(line) as Effect)
    }
  }

  of(runId: string): ReadonlyMap<string, number> {
    return this.#entries.get(runId) ?? new Map<string, number>()
  }

  #add(effect: Effect): void {
    const ofRun = this.#entries.get(effect.runId) ?? new Map<string, number>()
    this.#entries.set(effect.runId, ofRun)
    const key = effectKey(effect.kind, effect.step, effect.attempt)
    ofRun.set(key, (ofRun.get(key) ?? 0) + 1)
    this[effect.kind] += 1
    if (/^(0:)?poison$/.test(effect.step)) this.poison += 1
  }
}

export function effectKey(kind: Effect['kind'], step: string, attempt: number): string {
  return kind === 'rpc' ? `rpc ${step} attempt ${attempt}` : `inline ${step}`
}

import type { StepId } from '../../contract/index.ts'
import { stepKey } from '../../domain/step-id.ts'
import type { RecordedCall, StepChoice, StepFailure, TimelineEntry } from './types.ts'

/** One time that a step's function was entered. */
export interface Entry {
  readonly id: StepId
  readonly kind: 'rpc' | 'inline'
  readonly rpcName: string | undefined
  readonly attempt: number
  /** The same without those that were lost: what is to go wrong is chosen by it. */
  readonly counted: number
  /** It asked for its `invocationId`. */
  keyTaken: boolean
}

/** What is to go wrong. */
export interface Mishaps {
  readonly failures: readonly StepFailure[]
  readonly crashes: readonly StepChoice[]
}

/** What really happened to the run under test, kept outside of any store and process. */
export class RunRecord {
  readonly timeline: TimelineEntry[] = []
  readonly entries: Entry[] = []
  readonly calls = new Map<string, RecordedCall[]>()
  readonly #now: () => number
  readonly #startedAt: number
  readonly #mishaps: Mishaps
  /** By `stepKey`: what the body has asked for. */
  readonly #asked = new Map<string, StepId>()
  readonly #told = new Set<string>()
  readonly #crashed = new Map<string, number>()

  constructor(now: () => number, mishaps: Mishaps) {
    this.#now = now
    this.#startedAt = now()
    this.#mishaps = mishaps
  }

  get afterMs(): number {
    return this.#now() - this.#startedAt
  }

  tell(event: TimelineEntry['event'], step?: { readonly name: string; readonly attempt?: number }): void {
    const { name, attempt } = step ?? {}
    const of = { ...(name === undefined ? {} : { step: name }), ...(attempt === undefined ? {} : { attempt }) }
    this.timeline.push({ afterMs: this.afterMs, event, ...of })
  }

  /** A replay comes by again. */
  tellOnce(event: TimelineEntry['event'], id: StepId): void {
    const key = `${event} ${stepKey(id)}`
    if (this.#told.has(key)) return
    this.#told.add(key)
    this.tell(event, { name: id.name })
  }

  asks(id: StepId): void {
    this.#asked.set(stepKey(id), id)
  }

  /** The step that a function's `stepId` stands for. */
  stepOf(stepId: string): StepId {
    return this.#asked.get(stepId) ?? { name: stepId, ordinal: 0 }
  }

  enters(entry: Omit<Entry, 'keyTaken'>): Entry {
    const entered = { ...entry, keyTaken: false }
    this.entries.push(entered)
    this.tell('step entered', { name: entry.id.name, attempt: entry.attempt })
    return entered
  }

  ended(entry: Entry, event: 'step succeeded' | 'step failed'): void {
    this.tell(event, { name: entry.id.name, attempt: entry.attempt })
  }

  /** A function of the app is called. Answers what tells its end. */
  calling(rpcName: string, data: unknown, entry: Entry | null): (end: { result?: unknown; error?: unknown }) => void {
    const calls = this.calls.get(rpcName) ?? []
    this.calls.set(rpcName, calls)
    const step = entry?.id.name
    const call = {
      data,
      step,
      attempt: entry?.attempt ?? 1,
      afterMs: this.afterMs,
      result: undefined,
      error: undefined,
    }
    calls.push(call)
    return (end) => void Object.assign(call, end)
  }

  failureOf({ id, attempt, counted }: Entry): { readonly error: unknown } | null {
    const chosen = this.#mishaps.failures.find((choice) => isChosen(choice, id, counted))
    if (!chosen) return null
    const byDefault = new Error(`attempt ${attempt} of step '${id.name}' was to fail`)
    return { error: chosen.error ?? byDefault }
  }

  /** As often as it was chosen: an attempt that was lost comes again under the same number. */
  takeCrashOf({ id, counted }: Entry): boolean {
    const key = `${counted} ${stepKey(id)}`
    const taken = this.#crashed.get(key) ?? 0
    if (taken >= this.#mishaps.crashes.filter((choice) => isChosen(choice, id, counted)).length) return false
    this.#crashed.set(key, taken + 1)
    return true
  }
}

function isChosen({ step, ordinal, attempt = 1 }: StepChoice, id: StepId, of: number): boolean {
  return step === id.name && (ordinal ?? id.ordinal) === id.ordinal && attempt === of
}

export function isSame(one: StepId, other: StepId): boolean {
  return one.name === other.name && one.ordinal === other.ordinal
}

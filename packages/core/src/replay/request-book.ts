import type { StepId } from '../contract/index.ts'
import { stepKey } from '../domain/step-id.ts'
import type { Command, ReplayStep, Request } from './command.ts'
import { difference } from './divergence.ts'

export interface Waiter {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** A request of the body, with the settlement it came after. */
interface Asking {
  readonly request: Request
  readonly askedAfter: number
  readonly waiter: Waiter
}

/** Matches what a body asks for with what its history holds: gives every request its use of the step name. */
export class RequestBook {
  readonly #recorded = new Map<string, ReplayStep>()
  readonly #asked = new Map<string, Request>()
  readonly #waiting = new Map<string, Waiter>()
  /** The first use of each name that is not taken yet. */
  readonly #ordinals = new Map<string, number>()
  /** The last use of each name that is on record; earlier ones may be missing: inline steps that have not ended. */
  readonly #lastRecorded = new Map<string, number>()
  /** Asked before whoever takes the recorded use that comes first: parallel branches may come by in another order. */
  readonly #early: Asking[] = []
  /** Recorded before the body asked, by `askedAfter`; those before `#firstExpected` have been asked for. */
  readonly #expected: ReplayStep[] = []
  #firstExpected = 0
  #commands: Command[] = []

  /** Steps asked for that have not settled. */
  get open(): number {
    return this.#waiting.size
  }

  /** Some request fits none of the recorded uses that are left. */
  get hasMisfits(): boolean {
    return this.#early.length > 0
  }

  isWaitedFor(id: StepId): boolean {
    return this.#waiting.has(stepKey(id))
  }

  ask(asking: Asking): void {
    this.#early.push(asking)
    this.#placeEarly(asking.request.name)
  }

  /** The settled step's promise, which is no longer open. */
  takeWaiter(id: StepId): Waiter | undefined {
    const key = stepKey(id)
    const waiter = this.#waiting.get(key)
    this.#waiting.delete(key)
    return waiter
  }

  /** What is to be acted on; each command is given once. */
  takeCommands(): readonly Command[] {
    const commands = this.#commands
    this.#commands = []
    return commands
  }

  /**
   * Learn these rows, all of them before anything is delivered: a command is only for a step with no row (A4). Answers
   * those that have settled since, and how one of them differs from what the body asked for.
   */
  merge(changed: readonly ReplayStep[]): { settled: ReplayStep[]; mismatch: string | null } {
    const settled: ReplayStep[] = []
    let mismatch: string | null = null
    let disordered = false
    for (const changedRow of changed) {
      // What a step came to is the body's to keep or to forget: a parked replay may stand for long.
      const row: ReplayStep = { ...changedRow, outcome: null }
      const key = stepKey(row.id)
      const before = this.#recorded.get(key)
      if (before?.settledSeq != null) continue
      this.#recorded.set(key, row)
      const { name, ordinal } = row.id
      this.#lastRecorded.set(name, Math.max(this.#lastRecorded.get(name) ?? 0, ordinal))
      const asked = this.#asked.get(key)
      if (asked) mismatch ??= difference(row, asked)
      else if (!before) {
        disordered ||= (this.#expected.at(-1)?.askedAfter ?? 0) > row.askedAfter
        this.#expected.push(row)
      }
      if (row.settledSeq !== null) settled.push(changedRow)
    }
    if (disordered) this.#expected.sort((a, b) => a.askedAfter - b.askedAfter)
    this.#placeEarly()
    this.#commands = this.#commands.filter((command) => !this.#overtaken(command))
    return { settled, mismatch }
  }

  /** Recorded steps that were asked for before settlement `before` was delivered, and that the body has not asked for yet. */
  missingBefore(before: number): ReplayStep[] {
    const isAsked = (row: ReplayStep): boolean => this.#asked.has(stepKey(row.id))
    let head = this.#expected[this.#firstExpected]
    while (head && isAsked(head)) head = this.#expected[++this.#firstExpected]
    if (head === undefined || head.askedAfter >= before) return []
    return this.#expected.slice(this.#firstExpected).filter((row) => row.askedAfter < before && !isAsked(row))
  }

  /** Whether the history holds a call of this function under this step name that the body has not asked for yet. */
  holdsCall(name: string, rpcName: string): boolean {
    return this.#recordedUse(name, (row) => row.rpcName === rpcName) !== null
  }

  /** Steps the body asks for that the history does not hold. */
  get unrecorded(): readonly StepId[] {
    return this.#commands.filter(({ id }) => !this.#isRecorded(id)).map(({ id }) => id)
  }

  get hasUnrecorded(): boolean {
    return this.#commands.some(({ id }) => !this.#isRecorded(id))
  }

  #isRecorded(id: StepId): boolean {
    return this.#recorded.has(stepKey(id))
  }

  /** What the first of the requests that fit nowhere is up against. */
  misfit(): string | null {
    const [first] = this.#early
    const row =
      first && this.#recorded.get(stepKey({ name: first.request.name, ordinal: this.#next(first.request.name) }))
    return first && row ? difference(row, first.request) : null
  }

  /** Give each of them its use of the name, in the order they came, for as long as one fits. */
  #placeEarly(name?: string): void {
    for (let at = 0; at < this.#early.length; at++) {
      const asking = this.#early[at]!
      const ordinal = name === undefined || asking.request.name === name ? this.#useOf(asking.request) : null
      if (ordinal === null) continue
      this.#early.splice(at, 1)
      this.#place(asking, ordinal)
      // What is placed may make room for one that came before.
      at = -1
    }
  }

  /**
   * The first use of the name that is free, or the recorded one that is this very call; null: the first is another call.
   * An RPC call is told by its function and input also where an earlier use is not on record.
   */
  #useOf(asking: Request): number | null {
    const first = this.#next(asking.name)
    const row = this.#recorded.get(stepKey({ name: asking.name, ordinal: first }))
    if (row ? difference(row, asking) === null : asking.kind !== 'rpc') return first
    const recorded = this.#recordedUse(asking.name, (other) => difference(other, asking) === null)
    return recorded ?? (row ? null : first)
  }

  /** The first recorded use of the name that is free and fits. */
  #recordedUse(name: string, fits: (row: ReplayStep) => boolean): number | null {
    const last = this.#lastRecorded.get(name) ?? -1
    for (let ordinal = this.#next(name); ordinal <= last; ordinal++) {
      const key = stepKey({ name, ordinal })
      const row = this.#recorded.get(key)
      if (row && !this.#asked.has(key) && fits(row)) return ordinal
    }
    return null
  }

  #place({ request, askedAfter, waiter }: Asking, ordinal: number): void {
    const id: StepId = { name: request.name, ordinal }
    const key = stepKey(id)
    const row = this.#recorded.get(key)
    this.#asked.set(key, request)
    this.#waiting.set(key, waiter)
    let next = this.#next(request.name)
    while (this.#asked.has(stepKey({ name: request.name, ordinal: next }))) next++
    this.#ordinals.set(request.name, next)
    if (row && (row.kind !== 'inline' || row.status !== 'scheduled')) return
    const { attempt = 0, lost = 0 } = row ?? {}
    this.#commands.push({ ...request, id, askedAfter: row?.askedAfter ?? askedAfter, attempt, lost })
  }

  #next(name: string): number {
    return this.#ordinals.get(name) ?? 0
  }

  /** Another worker made this row while the request was still on its way here. */
  #overtaken(command: Command): boolean {
    const row = this.#recorded.get(stepKey(command.id))
    if (row === undefined) return false
    return row.settledSeq !== null || command.kind !== 'inline' || row.attempt !== command.attempt
  }
}

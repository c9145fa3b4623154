import type { Clock, StepId, StepOutcome } from '../contract/index.ts'
import { retryPolicy } from '../domain/retry-policy.ts'
import { stepKey } from '../domain/step-id.ts'
import type { Command } from '../replay/index.ts'
import { bodyScope, type BodyScope } from './body-scope.ts'
import type { InlineAttempt } from './inline-steps.ts'
import type { Payloads } from './payloads.ts'
import { runAttempt } from './run-attempt.ts'

export type InlineCommand = Command & { readonly kind: 'inline' }

interface Waiting {
  readonly command: InlineCommand
  /** Attempts begun. */
  readonly attempt: number
  /** Not before then, by what has elapsed here. */
  readonly dueAt: number
}

/** The inline steps a body waits for: those whose next attempt waits for its time, and those that were handed out. */
export class OpenInline {
  readonly #waiting = new Map<string, Waiting>()
  readonly #handedOut = new Map<string, InlineCommand>()
  /** When what the body has not asked for yet is due. */
  readonly #early = new Map<string, number>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(command: InlineCommand): void {
    const key = stepKey(command.id)
    const dueAt = this.#early.get(key) ?? this.#clock.elapsed()
    this.#waiting.set(key, { command, attempt: command.attempt, dueAt })
  }

  /** An attempt ended without settling the step, here or in another process; the body may not have asked for it yet. */
  again(id: StepId, attempt: number, dueInMs: number): void {
    const key = stepKey(id)
    const dueAt = this.#clock.elapsed() + dueInMs
    const command = this.#handedOut.get(key) ?? this.#waiting.get(key)?.command
    if (!command) return void this.#early.set(key, dueAt)
    this.#handedOut.delete(key)
    this.#waiting.set(key, { command, attempt, dueAt })
  }

  settled(id: StepId): void {
    const key = stepKey(id)
    this.#waiting.delete(key)
    this.#handedOut.delete(key)
    this.#early.delete(key)
  }

  /** Hand out those whose time has come, with the number of the attempt that is to run. */
  takeDue(): { command: InlineCommand; attempt: number }[] {
    const now = this.#clock.elapsed()
    const due: { command: InlineCommand; attempt: number }[] = []
    for (const [key, { command, attempt, dueAt }] of this.#waiting) {
      if (dueAt > now) continue
      this.#waiting.delete(key)
      this.#handedOut.set(key, command)
      due.push({ command, attempt: attempt + 1 })
    }
    return due
  }

  /** Until the next one is due; null when none waits for its time. */
  get nextDueInMs(): number | null {
    if (this.#waiting.size === 0) return null
    return Math.min(...[...this.#waiting.values()].map((waiting) => waiting.dueAt)) - this.#clock.elapsed()
  }
}

/** Where inline steps run. */
export interface InlineSurroundings {
  readonly payloads: Payloads
  readonly scope: BodyScope
  /** When what runs is to stop. Made only for a function that asks for it. */
  signal(): AbortSignal
}

/** One attempt of an inline step: runs its function and makes an outcome of whatever happens. */
export function inlineAttempt(
  { command, attempt }: { command: InlineCommand; attempt: number },
  { payloads, scope, signal }: InlineSurroundings,
): InlineAttempt {
  const { id, askedAfter, lost } = command
  const policy = retryPolicy(command.options, undefined, `step '${command.name}'`)
  const step = {
    get signal() {
      return signal()
    },
  }
  const call = (): unknown => bodyScope.run({ ...scope, inStep: true }, () => command.run(step))
  const run = (): Promise<StepOutcome> => runAttempt({ call, step: command.name, policy, attempt, lost }, payloads)
  return { id, askedAfter, attempt, run }
}

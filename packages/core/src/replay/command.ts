import type { StepId, StepKind, StepStatus } from '../contract/index.ts'

/** A recorded step as replay sees it: its payloads decoded before it is handed in. */
export interface ReplayStep {
  readonly id: StepId
  readonly kind: StepKind
  readonly status: StepStatus
  readonly rpcName: string | null
  readonly inputDigest: string | null
  readonly attempt: number
  readonly lost: number
  readonly askedAfter: number
  readonly settledSeq: number | null
  readonly settledAt: number | null
  readonly outcome: Outcome | null
}

export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown }

/** What `workflow.do` and its siblings take besides name and data. */
export interface StepRequestOptions {
  readonly retries?: number
  readonly retryDelay?: number | string
}

/** What the body asks for, before anything is known of it. */
export type Request =
  | {
      readonly kind: 'rpc'
      readonly name: string
      readonly rpcName: string
      readonly input: EncodedInput
      readonly options: StepRequestOptions
    }
  | {
      readonly kind: 'inline'
      readonly name: string
      readonly run: (step: InlineStep) => unknown
      readonly options: StepRequestOptions
    }
  | { readonly kind: 'sleep'; readonly name: string; readonly until: SleepUntil }

type SleepUntil = { readonly inMs: number } | { readonly at: number }

/** What an inline step's function is given. */
export interface InlineStep {
  /** Aborts when the run has ended, its lease was lost, or this process stops and its grace is over. */
  readonly signal: AbortSignal
}

/** Step input as text, and the digest that recognises it on replay. */
export interface EncodedInput {
  readonly text: string
  readonly digest: string
}

/**
 * A request that is to be acted on: one without a row yet, or an inline step whose next attempt is open
 * (`attempt` counts those begun before).
 */
export type Command = Request & {
  readonly id: StepId
  readonly askedAfter: number
  readonly attempt: number
  readonly lost: number
}

export type Decision =
  /** The body waits. `open` counts the steps it asked for that have not settled; with 0 it awaits something that is not a step. */
  | { readonly kind: 'blocked'; readonly commands: readonly Command[]; readonly open: number }
  /** The run completes when `open` is 0. */
  | {
      readonly kind: 'returned'
      readonly output: unknown
      readonly commands: readonly Command[]
      readonly open: number
    }
  | { readonly kind: 'threw'; readonly error: unknown }
  | { readonly kind: 'cancelled'; readonly reason: string }
  | { readonly kind: 'diverged'; readonly reason: string }

import { REPLAY_GRACE_MS } from '../domain/limits.ts'

/** How the engine times itself, all in milliseconds. What users may set is in `WorkflowServiceOptions`; the rest is for tests. */
export interface EngineSettings {
  /** How long a frozen or cut-off process keeps its runs and steps from others. */
  readonly leaseMs: number
  /** Between two looks for stalled work; timers are met earlier. */
  readonly sweepMs: number
  /** How long a dispatched item may stay unclaimed before it is dispatched again; doubles each time. */
  readonly redispatchAfterMs: number
  /** How long a process' connection must be gone before the process counts as dead. */
  readonly deathGraceMs: number
  /** How long a replayed body may take to ask again for what it asked for live, when it awaits things that are not steps. */
  readonly replayGraceMs: number
  /** After a failure that is neither the run's nor the step's, a codec's: how long until it is tried again. */
  readonly troubleDelayMs: number
  /** Replays kept in memory between two claims, at most; the least recently used is dropped. */
  readonly parkedRuns: number
  /** After the grace is over and its signal has aborted, how long a function gets to return before its step is given back. */
  readonly abortGraceMs: number
  /** Behind the notices: how often a waiter looks by itself. */
  readonly watchPollMs: number
}

export const defaultSettings: EngineSettings = {
  leaseMs: 10_000,
  sweepMs: 1_000,
  redispatchAfterMs: 5_000,
  deathGraceMs: 750,
  replayGraceMs: REPLAY_GRACE_MS,
  troubleDelayMs: 5_000,
  abortGraceMs: 250,
  parkedRuns: 2_000,
  watchPollMs: 5_000,
}

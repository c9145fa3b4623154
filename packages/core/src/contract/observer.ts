import type { RunId, StepId } from './records.ts'

/** What the engine tells: for logs, metrics and traces. */
export type WorkflowEvent =
  | {
      readonly kind: 'run-started' | 'run-parked' | 'run-completed' | 'run-failed' | 'run-cancelled'
      readonly runId: RunId
      readonly workflow: string
    }
  | { readonly kind: 'run-suspended'; readonly runId: RunId; readonly workflow: string; readonly reason: string | null }
  /** An rpc step's attempt in this process; the errors are in the run's history. */
  | {
      readonly kind: 'step-started' | 'step-succeeded' | 'step-failed' | 'step-retried'
      readonly runId: RunId
      readonly step: StepId
      readonly attempt: number
    }
  | { readonly kind: 'lease-lost'; readonly runId: RunId; readonly step?: StepId }
  /** The body awaits something that is not a step while nothing durable is pending: it goes on only while this process lives. */
  | { readonly kind: 'waiting-outside'; readonly runId: RunId; readonly workflow: string }
  /** Something failed that is retried by itself: a store call, a queue message, a listener. */
  | { readonly kind: 'trouble'; readonly during: string; readonly runId?: RunId; readonly error: unknown }

/** Called synchronously and often: be quick. Must not throw; if it does, that is logged and the engine goes on. */
export interface WorkflowObserver {
  /** What has just happened in this process. */
  onEvent(event: WorkflowEvent): void
}

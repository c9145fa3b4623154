import type { EndedStatus, RunStatus, StepKind, StepStatus } from '../contract/index.ts'

/** Where a run may go from where it is. An ended run goes nowhere. */
export const runMoves: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  running: ['suspended', 'completed', 'failed', 'cancelled'],
  suspended: ['running', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
}

/** Where a step may go from where it is. A settled step goes nowhere. `running` is for rpc steps alone. */
export const stepMoves: Readonly<Record<StepStatus, readonly StepStatus[]>> = {
  scheduled: ['running', 'succeeded', 'failed'],
  running: ['scheduled', 'succeeded', 'failed'],
  succeeded: [],
  failed: [],
}

/** Whether the run is over: nothing about it changes again. */
export function isEnded(status: RunStatus): status is EndedStatus {
  return runMoves[status].length === 0
}

/** Whether the step has its place in the run's order: nothing about it changes again. */
export function isSettled(status: StepStatus): boolean {
  return stepMoves[status].length === 0
}

/** Whether a run may be seen in `to` after it was seen in `from`; staying is always legal. */
export function mayRunMove(from: RunStatus, to: RunStatus): boolean {
  return from === to || runMoves[from].includes(to)
}

/** Whether a step of this kind may be seen in `to` after it was seen in `from`; staying is always legal. */
export function mayStepMove(kind: StepKind, from: StepStatus, to: StepStatus): boolean {
  if (to === 'running' && kind !== 'rpc') return false
  return from === to || stepMoves[from].includes(to)
}

import { setTimeout as delay } from 'node:timers/promises'
import { pikkuSessionlessFunc } from '../workflows/pikku.workflows.gen.js'
import { enter } from './effects.js'
import { version } from './version.js'

interface WorkflowStep {
  readonly runId: string
  readonly stepId: string
  readonly attemptCount: number
  readonly signal: AbortSignal
}

function entered(step: WorkflowStep | undefined): WorkflowStep {
  if (!step) throw new Error('this is a step')
  enter({ kind: 'rpc', runId: step.runId, step: step.stepId, attempt: step.attemptCount })
  return step
}

/** Takes `ms`. */
export const chaosAdd = pikkuSessionlessFunc<{ n: number; ms: number }, number>(async ({ workflowStep }, { n, ms }) => {
  const { signal } = entered(workflowStep)
  if (ms > 0) await delay(ms, undefined, { signal })
  return n
})

/** Attempts that were lost count as failures: what is asked is that it recovers, whatever is done to it. */
export const chaosFlaky = pikkuSessionlessFunc<{ failures: number }, string>(async ({ workflowStep }, { failures }) => {
  const { attemptCount } = entered(workflowStep)
  if (attemptCount <= failures) throw new Error(`attempt ${attemptCount} fails`)
  return 'recovered'
})

export const chaosNever = pikkuSessionlessFunc<{ code: string }, string>(async ({ workflowStep }, { code }) => {
  entered(workflowStep)
  throw Object.assign(new Error('it never works'), { code })
})

/** Computes for `ms` without letting anybody in between. */
export const chaosCompute = pikkuSessionlessFunc<{ ms: number }, number>(async ({ workflowStep }, { ms }) => {
  entered(workflowStep)
  const until = performance.now() + ms
  while (performance.now() < until) Math.sqrt(until)
  return ms
})

/** Keeps its thread from everything for `ms`, as a computation would, but leaves the processor to others. */
export const chaosBlock = pikkuSessionlessFunc<{ ms: number }, number>(async ({ workflowStep }, { ms }) => {
  entered(workflowStep)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  return ms
})

export const chaosPoison = pikkuSessionlessFunc<void, void>(async ({ workflowStep }) => {
  entered(workflowStep)
  process.kill(process.pid, 'SIGKILL')
})

/** In the other version of the app it says something else. */
export const chaosVersion = pikkuSessionlessFunc<void, number>(async ({ workflowStep }) => {
  entered(workflowStep)
  return version
})

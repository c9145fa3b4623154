import { gateOpens, record } from './ledger.js'
import { pikkuSessionlessFunc } from './workflows/pikku.workflows.gen.js'

/** Does something and says so. */
export const note = pikkuSessionlessFunc<{ step: string }, string>(async ({ workflowStep }, { step }) => {
  const { runId = '', attemptCount: attempt = 1, invocationId: key = '' } = workflowStep ?? {}
  record({ event: 'started', runId, step, attempt, key })
  record({ event: 'ended', runId, step, attempt, key })
  return step
})

/** Says that it started, and goes on only when the gate is open. */
export const hold = pikkuSessionlessFunc<{ step: string }, string>(async ({ workflowStep }, { step }) => {
  const { runId = '', attemptCount: attempt = 1, invocationId: key = '', signal } = workflowStep ?? {}
  record({ event: 'started', runId, step, attempt, key })
  try {
    await gateOpens(signal)
  } catch (error) {
    record({ event: 'aborted', runId, step, attempt, key })
    throw error
  }
  record({ event: 'ended', runId, step, attempt, key })
  return step
})

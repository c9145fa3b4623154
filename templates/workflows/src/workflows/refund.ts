import { pikkuWorkflowFunc, wireWorkflow } from './pikku.workflows.gen.js'

/** A step that fails until no attempt is left: its error is the run's. */
export const refund = pikkuWorkflowFunc<{ amount: number }, { receipt: string }>(async ({ workflow }, { amount }) =>
  workflow.do('Refund card', 'refundCard', { amount }, { retries: 2, retryDelay: '200ms' }),
)

wireWorkflow({ name: 'refund', func: refund, tags: ['payments'] })

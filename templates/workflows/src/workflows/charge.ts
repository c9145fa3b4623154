import { pikkuWorkflowFunc, wireWorkflow } from './pikku.workflows.gen.js'

/** A step that fails, and recovers on its second attempt. */
export const charge = pikkuWorkflowFunc<{ amount: number }, { result: string; finalAttempt: number; message: string }>(
  async ({ workflow }, { amount }) => {
    const { receipt, attempt } = await workflow.do(
      'Charge card',
      'chargeCard',
      { amount },
      { retries: 2, retryDelay: '1s' },
    )
    return { result: receipt, finalAttempt: attempt, message: `it took ${attempt} attempts` }
  },
)

wireWorkflow({ name: 'charge', func: charge, tags: ['payments'] })

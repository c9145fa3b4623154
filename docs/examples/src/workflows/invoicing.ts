// #region versions
import { pikkuWorkflowFunc, wireWorkflow } from './pikku.workflows.gen.js'

/** Runs that began before May go on with this. Delete it when `listRuns` shows none that is not ended. */
export const invoicing = pikkuWorkflowFunc<{ amount: number }, string>(async ({ workflow }, { amount }) => {
  const { receipt } = await workflow.do('Charge', 'charge', { amount })
  return receipt
})
wireWorkflow({ name: 'invoicing', func: invoicing })

/** What new runs are started with. */
export const invoicing2 = pikkuWorkflowFunc<{ amount: number; to: string }, string>(
  async ({ workflow }, { amount, to }) => {
    const { receipt } = await workflow.do('Charge', 'charge', { amount })
    await workflow.do('Send receipt', 'sendEmail', { to })
    return receipt
  },
)
wireWorkflow({ name: 'invoicing-2', func: invoicing2 })
// #endregion

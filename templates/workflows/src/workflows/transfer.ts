import * as v from 'valibot'
import { pikkuWorkflowFunc, wireWorkflow } from './pikku.workflows.gen.js'

/** Checked when a run is started: a bad input creates no run. */
export const TransferInput = v.object({ amount: v.number() })

/** A run that cancels itself. */
export const transfer = pikkuWorkflowFunc({
  input: TransferInput,
  func: async ({ workflow }, { amount }) => {
    if (amount < 0) await workflow.cancel(`cannot transfer a negative amount: ${amount}`)
    return workflow.do('Transfer money', 'transferMoney', { amount })
  },
})

wireWorkflow({ name: 'transfer', func: transfer, tags: ['payments'] })

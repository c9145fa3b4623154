import * as v from 'valibot'
import { pikkuWorkflowFunc, wireWorkflow } from './pikku.workflows.gen.js'

// #region compensation
export const buy = pikkuWorkflowFunc<{ item: string; card: string }, string>(async ({ workflow }, { item, card }) => {
  const { reservation } = await workflow.do('Reserve', 'reserve', { item })
  try {
    await workflow.do('Capture', 'capture', { card })
  } catch (error) {
    await workflow.do('Release', 'release', { item })
    throw error
  }
  return reservation
})
// #endregion
wireWorkflow({ name: 'buy', func: buy })

export const orderFulfillmentWorkflow = pikkuWorkflowFunc<{ item: string; amount: number }, string>(
  async ({ workflow }, { item, amount }) => {
    await workflow.do('Reserve', 'reserve', { item })
    // #region retries
    const { receipt } = await workflow.do('Charge', 'charge', { amount }, { retries: 4, retryDelay: '30s' })
    // #endregion
    return receipt
  },
)

// #region wire
wireWorkflow({
  name: 'order-fulfillment',
  description: 'Process order payment, inventory, and shipping',
  func: orderFulfillmentWorkflow,
  tags: ['orders', 'fulfillment', 'payments'],
})
// #endregion

// #region schema
export const Gift = v.object({ to: v.pipe(v.string(), v.email()), amount: v.number() })

export const gift = pikkuWorkflowFunc({
  input: Gift,
  func: async ({ workflow }, { to, amount }) => {
    const { receipt } = await workflow.do('Charge', 'charge', { amount })
    await workflow.do('Tell', 'sendEmail', { to })
    return { receipt }
  },
})

wireWorkflow({ name: 'gift', func: gift })
// #endregion

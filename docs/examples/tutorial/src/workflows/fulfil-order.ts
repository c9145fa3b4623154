import { pikkuWorkflowFunc, wireWorkflow } from './pikku.workflows.gen.js'

export interface Order {
  readonly item: string
  readonly quantity: number
  readonly amount: number
}

export const fulfilOrder = pikkuWorkflowFunc<Order, { charge: string; parcel: string }>(
  async ({ workflow }, { item, quantity, amount }) => {
    const reservation = await workflow.do('Reserve stock', 'reserveStock', { item, quantity })
    let charge: string | undefined
    try {
      charge = await workflow.do('Charge card', 'chargeCard', { amount }, { retries: 3, retryDelay: '1s' })
      await workflow.sleep('Time to change your mind', '5s')
      const parcel = await workflow.do('Ship', 'ship', { reservation }, { retries: 3, retryDelay: '1s' })
      return { charge, parcel }
    } catch (error) {
      if (charge) await workflow.do('Refund', 'refund', { charge }, { retries: 10, retryDelay: '1min' })
      await workflow.do('Release stock', 'releaseStock', { reservation }, { retries: 10, retryDelay: '1min' })
      throw error
    }
  },
)

wireWorkflow({ name: 'fulfil-order', func: fulfilOrder })

import { pikkuWorkflowFunc, wireWorkflow } from './pikku.workflows.gen.js'

const myWorkflow = pikkuWorkflowFunc<{ amount: number }, { receipt: string; doubled: number }>(
  async ({ workflow }, { amount }) => {
    if (amount < 0) await workflow.cancel('nothing to pay')
    const { receipt } = await workflow.do('Charge', 'chargeCard', { amount }, { retries: 1, retryDelay: '50ms' })
    const doubled = await workflow.do('Double', async () => amount * 2)
    await workflow.sleep('Settle', '10ms')
    return { receipt, doubled }
  },
)

wireWorkflow({ name: 'myWorkflow', func: myWorkflow })

import { pikkuSessionlessFunc } from '../workflows/pikku.workflows.gen.js'

/** A gateway that times out the first time. */
export const chargeCard = pikkuSessionlessFunc<{ amount: number }, { receipt: string; attempt: number }>(
  async ({ workflowStep }, { amount }) => {
    const attempt = workflowStep?.attemptCount ?? 1
    if (attempt === 1) throw new Error('the payment gateway timed out')
    return { receipt: `${amount} charged`, attempt }
  },
)

/** A gateway that is down. */
export const refundCard = pikkuSessionlessFunc<{ amount: number }, { receipt: string }>(async () => {
  throw new Error('the payment gateway is down')
})

export const transferMoney = pikkuSessionlessFunc<{ amount: number }, { reference: string }>(
  async ({ workflowStep }) => ({ reference: workflowStep?.invocationId ?? crypto.randomUUID() }),
)

import { pikkuSessionlessFunc } from '../workflows/pikku.workflows.gen.js'

export const chargeCard = pikkuSessionlessFunc<{ amount: number }, { receipt: string }>(
  async ({ workflowStep }, { amount }) => {
    if (workflowStep?.attemptCount === 1) throw new Error('the card reader is busy')
    if (amount > 100) throw new Error('the card was declined')
    return { receipt: `receipt-${amount}` }
  },
)

export const ship = pikkuSessionlessFunc<{ orderId: string }, Date>(async () => new Date('2026-01-02T03:04:05.006Z'))

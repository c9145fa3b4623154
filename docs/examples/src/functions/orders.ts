import { pikkuSessionlessFunc } from '../workflows/pikku.workflows.gen.js'

export const reserve = pikkuSessionlessFunc<{ item: string }, { reservation: string }>(async (_services, { item }) => ({
  reservation: `${item} reserved`,
}))

export const release = pikkuSessionlessFunc<{ item: string }, void>(async ({ logger }, { item }) => {
  logger.info(`${item} is free again`)
})

// #region idempotency
export const charge = pikkuSessionlessFunc<{ amount: number }, { receipt: string }>(
  async ({ logger }, { amount }, { workflowStep }) => {
    // The same for every attempt of this step: a provider that knows it charges once.
    const idempotencyKey = workflowStep?.invocationId
    logger.info(`attempt ${workflowStep?.attemptCount} charges ${amount}, key ${idempotencyKey}`)
    return { receipt: `receipt ${idempotencyKey}` }
  },
)
// #endregion

// #region error-classes
import { NonRetryableError, RetryableError } from '@pikku/core'

export const capture = pikkuSessionlessFunc<{ card: string }, void>({
  retries: 3,
  retryDelay: '5s',
  func: async ({ workflowStep }, { card }) => {
    if (card === 'stolen') throw new NonRetryableError('the card is stolen')
    const busy = workflowStep?.attemptCount === 1
    if (busy) throw new RetryableError('the gateway is busy', { retryAfter: '200ms' })
  },
})
// #endregion

import { pikkuSessionlessFunc } from '../workflows/pikku.workflows.gen.js'

export const createUser = pikkuSessionlessFunc<{ email: string }, { userId: string }>(async ({ workflowStep }) => ({
  // The same for every attempt of the step: trying again makes no second user.
  userId: workflowStep?.invocationId ?? crypto.randomUUID(),
}))

export const sendMail = pikkuSessionlessFunc<{ to: string; subject: string }, void>({
  retries: 3,
  retryDelay: '1s',
  func: async ({ mailer, workflowStep }, mail) => {
    const idempotencyKey = workflowStep?.invocationId ?? crypto.randomUUID()
    await mailer.send(mail, { idempotencyKey, signal: workflowStep?.signal })
  },
})

// #region functions
import { pikkuSessionlessFunc } from '../workflows/pikku.workflows.gen.js'

export const createUser = pikkuSessionlessFunc<{ email: string }, { userId: string }>(async ({ logger }, { email }) => {
  logger.info(`creating ${email}`)
  return { userId: `user of ${email}` }
})

export const sendEmail = pikkuSessionlessFunc<{ to: string }, void>(async ({ logger }, { to }) => {
  logger.info(`mail to ${to}`)
})
// #endregion

// #region workflow
import { pikkuWorkflowFunc, wireWorkflow } from './pikku.workflows.gen.js'

export const onboarding = pikkuWorkflowFunc<{ email: string }, { userId: string }>(async ({ workflow }, { email }) => {
  const { userId } = await workflow.do('Create user', 'createUser', { email })
  const to = await workflow.do('Pick address', async () => email.toLowerCase())
  await workflow.sleep('Wait', '5s')
  await workflow.do('Send', 'sendEmail', { to }, { retries: 2, retryDelay: '1s' })
  return { userId }
})

wireWorkflow({ name: 'onboarding', func: onboarding, tags: ['demo'] })
// #endregion

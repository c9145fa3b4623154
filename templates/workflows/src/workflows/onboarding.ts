import { pikkuWorkflowFunc, wireWorkflow } from './pikku.workflows.gen.js'

export const onboarding = pikkuWorkflowFunc<{ email: string }, { userId: string; email: string }>(
  async ({ workflow }, { email }) => {
    const { userId } = await workflow.do('Create user', 'createUser', { email })
    const to = await workflow.do('Pick address', async () => `${userId.slice(0, 8)} <${email.toLowerCase()}>`)
    await workflow.sleep('Let them look around', '5s')
    await workflow.do('Send welcome mail', 'sendMail', { to, subject: 'Welcome' })
    return { userId, email }
  },
)

wireWorkflow({
  name: 'onboarding',
  description: 'Create a user, wait, send a welcome mail',
  func: onboarding,
  tags: ['users'],
})

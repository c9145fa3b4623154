import { pikkuSessionlessFunc } from '../workflows/pikku.workflows.gen.js'

export const createOrg = pikkuSessionlessFunc<{ name: string }, { orgId: string }>(async (_services, { name }) => ({
  orgId: name.toLowerCase().replaceAll(/\W+/g, '-'),
}))

export const verifyDomain = pikkuSessionlessFunc<{ domain: string }, { verified: boolean }>(
  async (_services, { domain }) => ({ verified: domain.includes('.') }),
)

export const addMember = pikkuSessionlessFunc<{ orgId: string; email: string }, { memberId: string }>(
  async (_services, { orgId, email }) => ({ memberId: `${orgId}/${email}` }),
)

export const inviteMember = pikkuSessionlessFunc<{ email: string }, void>(async ({ logger }, { email }) => {
  logger.info(`invited ${email}`)
})

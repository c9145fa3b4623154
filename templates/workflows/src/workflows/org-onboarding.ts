import { pikkuWorkflowFunc, wireWorkflow } from './pikku.workflows.gen.js'

/** A step on a condition, then one step for each member, all at once. */
export const orgOnboarding = pikkuWorkflowFunc<
  { name: string; domain?: string; owner: string; members: string[] },
  { orgId: string; ownerId: string }
>(async ({ workflow }, { name, domain, owner, members }) => {
  const { orgId } = await workflow.do('Create org', 'createOrg', { name })
  if (domain) await workflow.do('Verify domain', 'verifyDomain', { domain }, { retries: 2, retryDelay: '1s' })

  const [ownerId] = await Promise.all(
    [owner, ...members].map(async (email) => {
      const { memberId } = await workflow.do(`Add ${email}`, 'addMember', { orgId, email })
      return memberId
    }),
  )

  await workflow.do('Tell the owner', 'sendMail', { to: owner, subject: `${name} is ready` })
  return { orgId, ownerId: ownerId ?? owner }
})

wireWorkflow({ name: 'org-onboarding', func: orgOnboarding, tags: ['orgs'] })

import { pikkuWorkflowFunc, wireWorkflow } from './pikku.workflows.gen.js'

/** One after the other, with a pause between them. */
export const inviteMembers = pikkuWorkflowFunc<{ emails: string[] }, { invitedCount: number }>(
  async ({ workflow }, { emails }) => {
    let invitedCount = 0
    for (const email of emails) {
      if (invitedCount > 0) await workflow.sleep('Not all at once', '1000ms')
      // The n-th use of a step name is its n-th record.
      await workflow.do('Invite', 'inviteMember', { email })
      invitedCount += 1
    }
    return { invitedCount }
  },
)

wireWorkflow({ name: 'invite-members', func: inviteMembers, tags: ['orgs'] })

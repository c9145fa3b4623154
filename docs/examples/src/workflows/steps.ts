import { pikkuWorkflowFunc, wireWorkflow } from './pikku.workflows.gen.js'

export const rpcStep = pikkuWorkflowFunc<{ email: string }, string>(async ({ workflow }, { email }) => {
  // #region rpc
  const { userId } = await workflow.do('Create user', 'createUser', { email })
  // #endregion
  // #region inline
  const greeting = await workflow.do('Write greeting', async () => `Hello ${userId}`)
  // #endregion
  // #region sleep
  await workflow.sleep('Wait a little', '500ms')
  await workflow.sleepUntil('Wait for the date', new Date('2026-01-01'))
  // #endregion
  return greeting
})
wireWorkflow({ name: 'basic-steps', func: rpcStep })

export const parallel = pikkuWorkflowFunc<{ items: string[] }, string[]>(async ({ workflow }, { items }) => {
  // #region parallel
  const reserved = await Promise.all(items.map((item) => workflow.do(`Reserve ${item}`, 'reserve', { item })))
  // #endregion
  return reserved.map(({ reservation }) => reservation)
})
wireWorkflow({ name: 'parallel', func: parallel })

export const loop = pikkuWorkflowFunc<{ emails: string[] }, number>(async ({ workflow }, { emails }) => {
  // #region loop
  for (const to of emails) {
    await workflow.do('Invite', 'sendEmail', { to })
  }
  // #endregion
  return emails.length
})
wireWorkflow({ name: 'loop', func: loop })

export const timeout = pikkuWorkflowFunc<{ item: string }, string>(async ({ workflow }, { item }) => {
  // #region timeout
  const answer = await Promise.race([
    workflow.do('Reserve', 'reserve', { item }),
    workflow.sleep('Give up', '10s').then(() => undefined),
  ])
  // #endregion
  return answer?.reservation ?? 'nobody answered'
})
wireWorkflow({ name: 'timeout', func: timeout })

export const refusal = pikkuWorkflowFunc<{ amount: number }, void>(async ({ workflow }, { amount }) => {
  // #region cancel
  if (amount < 0) await workflow.cancel('the amount is negative')
  // #endregion
})
wireWorkflow({ name: 'refusal', func: refusal })

import { pikkuWorkflowFunc, wireWorkflow } from './pikku.workflows.gen.js'

export const report = pikkuWorkflowFunc<{ limit: number }, { id: string; month: number; sample: boolean }>(
  async ({ workflow }, { limit }) => {
    // #region deterministic
    const month = workflow.now().getMonth() + 1 // not new Date()
    const id = workflow.uuid() // not crypto.randomUUID()
    const sample = workflow.random() < 0.1 // not Math.random()
    // #endregion

    // #region outside
    const load = await workflow.do('Look at the load', async () => process.memoryUsage().rss)
    if (load > limit) await workflow.sleep('Wait for quieter times', '200ms')
    // #endregion
    return { id, month, sample }
  },
)
wireWorkflow({ name: 'report', func: report })

export const family = pikkuWorkflowFunc<{ email: string }, string>(async ({ workflow, rpc }, { email }) => {
  // #region start-another
  const { runId } = await workflow.do('Start onboarding', async () =>
    rpc.startWorkflow('onboarding', { email }, { runId: `onboarding of ${email}` }),
  )
  // #endregion
  return runId
})
wireWorkflow({ name: 'family', func: family })

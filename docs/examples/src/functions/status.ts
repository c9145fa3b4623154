import { pikkuSessionlessFunc } from '../workflows/pikku.workflows.gen.js'

// #region get-run
export const checkWorkflowStatus = pikkuSessionlessFunc<
  { runId: string },
  { status: string; output?: unknown; error?: unknown; createdAt: Date }
>(async ({ workflowService }, data) => {
  const run = await workflowService.getRun(data.runId)

  if (!run) {
    throw new Error(`Workflow not found: ${data.runId}`)
  }

  return {
    status: run.status, // 'running' | 'suspended' | 'completed' | 'failed' | 'cancelled'
    output: run.output, // what the workflow returned, once completed
    error: run.error, // why it failed, was cancelled or is suspended
    createdAt: run.createdAt,
  }
})
// #endregion

// #region get-run-history
export const getWorkflowHistory = pikkuSessionlessFunc<{ runId: string }, string[]>(
  async ({ workflowService }, data) => {
    const history = await workflowService.getRunHistory(data.runId)

    return history.map((entry) => `${entry.stepName}: attempt ${entry.attemptCount} ${entry.status} on ${entry.worker}`)
  },
)
// #endregion

// #region polling
export const triggerAndWait = pikkuSessionlessFunc<{ email: string }, unknown>(
  async ({ rpc, workflowService }, data) => {
    const { runId } = await rpc.startWorkflow('onboarding', data)

    for (let attempt = 0; attempt < 30; attempt++) {
      const run = await workflowService.getRun(runId)

      if (run?.status === 'completed') return run.output
      if (run?.status === 'failed') throw new Error(run.error?.message ?? 'Workflow failed')
      if (run?.status === 'cancelled') throw new Error('Workflow was cancelled')

      await new Promise((resolve) => setTimeout(resolve, 1000))
    }

    throw new Error('Workflow timeout after 30 attempts')
  },
)
// #endregion

import type { SingletonServices } from './services.js'
import { createRpc } from './workflows/pikku.workflows.gen.js'

export async function operations(services: SingletonServices): Promise<unknown> {
  const { workflowService } = services
  const rpc = createRpc(services)

  // #region start-once
  const { runId, created } = await rpc.startWorkflow('invoicing', { amount: 12 }, { runId: 'invoice 4711' })
  // #endregion

  // #region wait
  const output = await workflowService.waitForRun(runId, { timeout: '30s' })
  // #endregion

  // #region watch
  const watch = await workflowService.watchRun(runId, (run) => console.log(run.status))
  await watch.ended // or watch.stop()
  // #endregion

  // #region list
  const { runs, cursor } = await workflowService.listRuns({ workflow: 'invoicing', status: 'completed', limit: 100 })
  // #endregion

  // #region cancel
  const { runId: unwanted } = await rpc.startWorkflow('timeout', { item: 'lamp' })
  await workflowService.cancelRun(unwanted, 'no longer wanted')
  // #endregion

  // #region resume
  await workflowService.resumeRun(runId)
  // #endregion

  // #region steps
  const open = (await workflowService.listSteps(runId)).filter((step) => step.endedAt === undefined)
  // #endregion

  // #region export
  const history = JSON.stringify(await workflowService.exportHistory(runId))
  // #endregion

  // #region delete
  const monthAgo = new Date(Date.now() - 30 * 24 * 60 * 60 * 1000)
  await workflowService.deleteRuns({ finishedBefore: monthAgo, status: 'completed', limit: 1000 })
  // #endregion

  return { created, output, runs: runs.length, cursor, open: open.length, history: history.length > 2 }
}

export async function addJob({ queueService }: Pick<SingletonServices, 'queueService'>) {
  // #region queue
  const id = await queueService.add('thumbnails', { image: 'cat.png' }, { attempts: 3, delay: 500 })
  const job = await queueService.getJob('thumbnails', id)
  console.log(await job?.status()) // 'delayed', later 'active' and 'completed'

  const result = await job?.waitForCompletion(30_000) // rejects as the job failed, or after half a minute
  const metadata = await job?.metadata() // progress, attemptsMade, failedReason, createdAt, startedAt, finishedAt …
  // #endregion
  return { id, job, result, metadata }
}

import { createSingletonServices } from './services.js'
import { createRpc } from './workflows/pikku.workflows.gen.js'

const services = await createSingletonServices()
const rpc = createRpc(services)
const { workflowService } = services

const messageOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'it did not fail',
    (error: Error) => error.message,
  )

const polled = {
  completed: await rpc.invoke('triggerAndWait', { input: { amount: 5 } }),
  failed: await messageOf(rpc.invoke('triggerAndWait', { input: { amount: 500 } })),
  cancelled: await messageOf(rpc.invoke('triggerAndWait', { input: { amount: -1 } })),
}

const { runId } = await rpc.startWorkflow('order-fulfillment', { orderId: 'o-1' })
const statusAtOnce = (await rpc.invoke('checkWorkflowStatus', { runId })).status
const waited = await workflowService.waitForRun(runId, { timeout: '30s' })

const { runs } = await workflowService.listRuns({ workflow: 'myWorkflow' })
const history = async (id: string) =>
  (await rpc.invoke('getWorkflowHistory', { runId: id })).map((entry) => ({
    stepName: entry.stepName,
    status: entry.status,
    attemptCount: entry.attemptCount,
    result: entry.result,
    error: entry.error?.message,
    createdAt: entry.createdAt instanceof Date,
  }))
const runWith = async (amount: number) => {
  const found = runs.find((run) => (run.input as { amount: number }).amount === amount)
  if (!found) throw new Error(`no run with amount ${amount}`)
  return found
}

const tagged = await workflowService.listRuns({ tags: ['orders', 'payments'] })
console.log(
  `result ${JSON.stringify({
    polled,
    remote: statusAtOnce === 'running',
    waited,
    status: await rpc.invoke('checkWorkflowStatus', { runId }),
    failedStatus: await rpc.invoke('checkWorkflowStatus', { runId: (await runWith(500)).id }),
    cancelledReason: (await runWith(-1)).error?.message,
    unknown: {
      run: await workflowService.getRun('not-a-uuid'),
      status: await messageOf(rpc.invoke('checkWorkflowStatus', { runId: 'not-a-uuid' })),
      history: await rpc.invoke('getWorkflowHistory', { runId: 'not-a-uuid' }),
    },
    history: await history((await runWith(5)).id),
    failedHistory: await history((await runWith(500)).id),
    tagged: tagged.runs.map(({ workflow, tags }) => ({ workflow, tags })),
  })}`,
)

await workflowService.close()
const { queueService }: { workflowService: object; queueService?: { close(): Promise<void> } } = services
await queueService?.close()
console.log('closed')

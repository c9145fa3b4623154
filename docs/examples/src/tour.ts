// Runs everything that the pages show and that needs workers; prints what came out, for the test.
import { addJob, operations } from './operations.js'
import { closeServices, createSingletonServices } from './services.js'
import { createRpc } from './workflows/pikku.workflows.gen.js'

const services = await createSingletonServices()
const { workflowService } = services
const rpc = createRpc(services)

async function ended(started: Promise<{ runId: string }>): Promise<unknown> {
  const { runId } = await started
  await workflowService.waitForRun(runId, { timeout: '60s' }).catch(() => undefined) // The run itself tells.
  const run = await workflowService.getRun(runId)
  const history = await rpc.invoke('getWorkflowHistory', { runId })
  return {
    status: run?.status,
    output: run?.output,
    error: run?.error?.message,
    history: history.map((line) => line.replace(/ on .*/, '')),
  }
}

async function thumbnail(): Promise<unknown> {
  const { id } = await addJob(services)
  for (;;) {
    const job = await services.queueService.getJob('thumbnails', id)
    if (job?.result !== undefined) return job.result
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const emails = ['a@b.c', 'd@e.f']
const results = {
  'basic-steps': await ended(rpc.startWorkflow('basic-steps', { email: 'a@b.c' })),
  parallel: await ended(rpc.startWorkflow('parallel', { items: ['chair', 'table'] })),
  loop: await ended(rpc.startWorkflow('loop', { emails })),
  timeout: await ended(rpc.startWorkflow('timeout', { item: 'lamp' })),
  refusal: await ended(rpc.startWorkflow('refusal', { amount: -1 })),
  'buy, busy gateway': await ended(rpc.startWorkflow('buy', { item: 'chair', card: 'good' })),
  'buy, stolen card': await ended(rpc.startWorkflow('buy', { item: 'chair', card: 'stolen' })),
  gift: await rpc.startWorkflow('gift', { to: 'nobody', amount: 1 }).catch((error: Error) => error.message),
  report: await ended(rpc.startWorkflow('report', { limit: 0 })),
  family: await ended(rpc.startWorkflow('family', { email: 'g@h.i' })),
  polling: await rpc.invoke('triggerAndWait', { email: 'a@b.c' }),
  operations: await operations(services),
  thumbnail: await thumbnail(),
}
console.log(JSON.stringify(results))
await closeServices(services)

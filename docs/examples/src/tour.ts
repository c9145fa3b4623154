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

const emails = ['a@b.c', 'd@e.f']
const stories = {
  'basic-steps': ended(rpc.startWorkflow('basic-steps', { email: 'a@b.c' })),
  parallel: ended(rpc.startWorkflow('parallel', { items: ['chair', 'table'] })),
  loop: ended(rpc.startWorkflow('loop', { emails })),
  timeout: ended(rpc.startWorkflow('timeout', { item: 'lamp' })),
  refusal: ended(rpc.startWorkflow('refusal', { amount: -1 })),
  'buy, busy gateway': ended(rpc.startWorkflow('buy', { item: 'chair', card: 'good' })),
  'buy, stolen card': ended(rpc.startWorkflow('buy', { item: 'chair', card: 'stolen' })),
  gift: rpc.startWorkflow('gift', { to: 'nobody', amount: 1 }).catch((error: Error) => error.message),
  report: ended(rpc.startWorkflow('report', { limit: 0 })),
  family: ended(rpc.startWorkflow('family', { email: 'g@h.i' })),
  polling: rpc.invoke('triggerAndWait', { email: 'a@b.c' }),
  operations: operations(services),
  thumbnail: addJob(services).then(({ result }) => result),
}
const results = await Promise.all(Object.entries(stories).map(async ([name, story]) => [name, await story]))
console.log(JSON.stringify(Object.fromEntries(results)))
await closeServices(services)

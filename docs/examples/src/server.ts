// #region server
import { createSingletonServices } from './services.js'
import { createRpc } from './workflows/pikku.workflows.gen.js'

const services = await createSingletonServices()
const rpc = createRpc(services)

const { runId } = await rpc.startWorkflow('onboarding', { email: 'a@b.c' })
const output = await services.workflowService.waitForRun(runId, { timeout: '30s' })
// #endregion

console.log(JSON.stringify(output))
const { closeServices } = await import('./services.js')
await closeServices(services)

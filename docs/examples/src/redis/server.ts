import { createRpc } from '@pikku/core'
import { closeServices, createSingletonServices } from './services.js'
import '../workflows/pikku.workflows.gen.js'

const services = await createSingletonServices()
const rpc = createRpc(services)

const { runId } = await rpc.startWorkflow('onboarding', { email: 'a@b.c' })
const output = await services.workflowService.waitForRun(runId, { timeout: '30s' })

console.log(JSON.stringify(output))
await closeServices(services)

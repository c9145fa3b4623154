import { createSingletonServices } from './services.js'
import { createRpc } from './workflows/pikku.workflows.gen.js'

// Starts the runs of RUN_IDS, a few at once, and says so for each one that it knows to be started.
const runIds = (process.env['RUN_IDS'] ?? '').split(',')
const rpc = createRpc(await createSingletonServices())

async function lane(): Promise<void> {
  for (let runId = runIds.shift(); runId !== undefined; runId = runIds.shift()) {
    await rpc.startWorkflow('chain', { length: 3 }, { runId })
    console.log(`started ${runId}`)
  }
}
await Promise.all([lane(), lane(), lane(), lane()])
console.log('all started')

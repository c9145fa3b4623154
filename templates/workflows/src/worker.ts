import { closeServices, createSingletonServices } from './services.js'
import { onShutdown } from './shutdown.js'
import './workflows/pikku.workflows.gen.js'

const services = await createSingletonServices()
const workers = new services.QueueWorkers(services)

// Runs go on in another worker at once; steps that are executing get ten seconds to end.
onShutdown(async () => {
  await workers.close()
  await closeServices(services)
})

await workers.registerQueues()
console.log(`worker ${process.pid} is ready`)

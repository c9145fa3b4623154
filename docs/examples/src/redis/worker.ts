// #region worker
import { BullQueueWorkers } from '@pikku/queue-bullmq'
import { closeServices, createSingletonServices } from './services.js'
import '../workflows/pikku.workflows.gen.js'

const services = await createSingletonServices()
const workers = new BullQueueWorkers(services)
await workers.registerQueues()

process.once('SIGTERM', () => {
  void workers.close().then(() => closeServices(services))
})
// #endregion

console.log('ready')

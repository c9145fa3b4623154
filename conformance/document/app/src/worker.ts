import './workflows/pikku.workflows.gen.js'
import { PgBossQueueWorkers } from '@pikku/queue-pg-boss'
import { createSingletonServices } from './services.js'

const services = await createSingletonServices()
const workers = new PgBossQueueWorkers(services)
await workers.registerQueues()
console.log('ready')

const close = async () => {
  await workers.close()
  await services.workflowService.close()
  await services.queueService.close()
  console.log('closed')
}
process.once('SIGTERM', () => void close())

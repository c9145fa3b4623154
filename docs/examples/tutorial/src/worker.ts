import { PgBossQueueWorkers } from '@pikku/queue-pg-boss'
import { closeServices, createSingletonServices } from './services.js'
import './workflows/pikku.workflows.gen.js'

const services = await createSingletonServices()
const workers = new PgBossQueueWorkers(services)
await workers.registerQueues()
console.log(`the worker is ready, its pid is ${process.pid}`)

process.once('SIGTERM', () => {
  void workers.close().then(() => closeServices(services))
})

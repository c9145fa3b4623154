import { closeServices, createSingletonServices } from '../services.js'
import '../workflows/pikku.workflows.gen.js'
import { answerHarness, tell } from './control.js'

answerHarness()
const services = await createSingletonServices()
const workers = new services.QueueWorkers(services)

process.once('SIGTERM', () => {
  const { GRACE_MS } = process.env
  const closed = workers.close(GRACE_MS ? { graceMs: Number(GRACE_MS) } : {}).then(() => closeServices(services))
  closed.catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})

await workers.registerQueues()
tell({ kind: 'ready', port: 0 })

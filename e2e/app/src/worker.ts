import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { closeServices, createSingletonServices } from './services.js'
import './workflows/pikku.workflows.gen.js'

const { BARRIER, GRACE_MS } = process.env
if (BARRIER) {
  console.log('waiting')
  while (!existsSync(BARRIER)) await delay(5)
}

const services = await createSingletonServices()
const workers = new services.QueueWorkers(services)

process.once('SIGTERM', () => {
  const closed = workers.close(GRACE_MS ? { graceMs: Number(GRACE_MS) } : {}).then(() => closeServices(services))
  closed.catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})

await workers.registerQueues()
console.log('ready')

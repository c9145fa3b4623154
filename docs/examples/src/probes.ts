import type { AddressInfo } from 'node:net'
// #region probes
import { createServer } from 'node:http'
import { PgBossQueueWorkers } from '@pikku/queue-pg-boss'
import { closeServices, createSingletonServices } from './services.js'
import './workflows/pikku.workflows.gen.js'

let takesWork = false
const probes = createServer((request, response) => {
  const isFine = request.url === '/live' || (request.url === '/ready' && takesWork)
  response.writeHead(isFine ? 200 : 503).end()
})
probes.listen(Number(process.env['PROBES_PORT'] ?? 8081))

const services = await createSingletonServices()
const workers = new PgBossQueueWorkers(services)
await workers.registerQueues()
takesWork = true

async function stop() {
  takesWork = false
  await workers.close({ graceMs: 25_000 })
  await closeServices(services)
  probes.close()
}
process.once('SIGTERM', () => void stop())
// #endregion

console.log(`ready, probes on ${(probes.address() as AddressInfo).port}`)

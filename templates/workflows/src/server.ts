import { once } from 'node:events'
import { createAdaptorServer } from '@hono/node-server'
import { createApi } from './api.js'
import { closeServices, createSingletonServices } from './services.js'
import { onShutdown } from './shutdown.js'
import { createRpc } from './workflows/pikku.workflows.gen.js'

const services = await createSingletonServices()
const { workflowService } = services
await workflowService.init()

const server = createAdaptorServer({ fetch: createApi({ workflowService, rpc: createRpc(services) }).fetch })
server.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? '127.0.0.1')
await once(server, 'listening')

onShutdown(async () => {
  server.close()
  if ('closeAllConnections' in server) server.closeAllConnections()
  await closeServices(services)
})

const address = server.address()
if (address && typeof address === 'object') console.log(`listening on http://${address.address}:${address.port}`)

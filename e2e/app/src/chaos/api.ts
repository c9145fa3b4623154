import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { closeServices, createSingletonServices } from '../services.js'
import { createRpc, type WorkflowMap } from '../workflows/pikku.workflows.gen.js'
import { answerHarness, tell } from './control.js'

interface Asked {
  readonly runId: string
  readonly workflow: keyof WorkflowMap
  readonly input: never
  readonly reason: string
  readonly timeout: number
}

answerHarness()
const services = await createSingletonServices()
const { workflowService } = services
await workflowService.init()
const rpc = createRpc(services)

const routes: Readonly<Record<string, (asked: Asked) => Promise<unknown>>> = {
  '/start': ({ workflow, input, runId }) => rpc.startWorkflow(workflow, input, { runId }),
  '/cancel': async ({ runId, reason }) => ({ cancelled: await workflowService.cancelRun(runId, reason) }),
  '/resume': async ({ runId }) => ({ resumed: await workflowService.resumeRun(runId) }),
  '/wait': async ({ runId, timeout }) => ({ output: await workflowService.waitForRun(runId, { timeout }) }),
}

const server = createServer((request, response) => void answer(request, response))
server.listen(0, '127.0.0.1')
await once(server, 'listening')
tell({ kind: 'ready', port: (server.address() as AddressInfo).port })

process.once('SIGTERM', () => {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeIdleConnections()
  // Those who wait for a run are told that this service was closed.
  void workflowService
    .close()
    .then(() => closed)
    .then(() => closeServices(services))
})

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('connection', 'close')
  try {
    const route = routes[request.url ?? '']
    if (!route) throw new Error(`no such path: ${request.url}`)
    response.end(JSON.stringify(await route((await json(request)) as Asked)))
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string }
    response.statusCode = 500
    response.end(JSON.stringify({ name, message, code }))
  }
}

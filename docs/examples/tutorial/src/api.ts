import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { createSingletonServices } from './services.js'
import type { Order } from './workflows/fulfil-order.js'
import { createRpc } from './workflows/pikku.workflows.gen.js'

const services = await createSingletonServices()
const { workflowService } = services
const rpc = createRpc(services)

async function answer(request: IncomingMessage): Promise<string> {
  const [, what, runId = '', detail] = (request.url ?? '').split('/')
  if (what !== 'orders') throw new Error('ask for /orders')

  if (request.method === 'POST') {
    // The same id again is the same order, however often it is sent.
    const started = await rpc.startWorkflow('fulfil-order', (await json(request)) as Order, { runId })
    return started.created ? `order ${runId} is started` : `order ${runId} was started before`
  }

  if (detail === 'history') {
    const history = await workflowService.getRunHistory(runId)
    const lines = history.map(({ stepName, attemptCount, status, error, worker }) => {
      const how = error ? `${status}: ${error.message}` : status
      return `${stepName}, attempt ${attemptCount}, pid ${worker?.split(':').at(-2)}: ${how}`
    })
    return lines.join('\n')
  }

  const run = await workflowService.getRun(runId)
  if (!run) throw new Error(`there is no order ${runId}`)
  return `${run.status} ${run.error?.message ?? JSON.stringify(run.output) ?? ''}`.trim()
}

const server = createServer((request, response) => {
  answer(request).then(
    (text) => response.end(`${text}\n`),
    (error: unknown) => response.writeHead(400).end(`${String(error)}\n`),
  )
})
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
await once(server, 'listening')
console.log('the API is ready')

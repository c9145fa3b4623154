// #region cluster
import { BullQueueService } from '@pikku/queue-bullmq'
import { RedisWorkflowService } from '@pikku/redis'
import { Cluster } from 'ioredis'

const nodes = [
  { host: '127.0.0.1', port: 7000 },
  { host: '127.0.0.1', port: 7001 },
]
const cluster = new Cluster(nodes, { redisOptions: { password: process.env['REDIS_PASSWORD'] } })

const queueService = new BullQueueService(cluster)
const workflowService = new RedisWorkflowService(cluster, queueService, 'workflows', {
  retention: '7d', // memory is what there is least of
})
// #endregion
import { BullQueueWorkers } from '@pikku/queue-bullmq'
import { createRpc } from '@pikku/core'
import '../workflows/pikku.workflows.gen.js'

const services = { queueService, workflowService }
const rpc = createRpc(services)
const workers = new BullQueueWorkers(services)
await workers.registerQueues()
const orders = [1, 2, 3, 4, 5].map((amount) => rpc.startWorkflow('order-fulfillment', { item: 'chair', amount }))
const runs = await Promise.all(orders)
await Promise.all(runs.map(({ runId }) => workflowService.waitForRun(runId, { timeout: '30s' })))
const { runs: listed } = await workflowService.listRuns({ status: 'completed' })
console.log(JSON.stringify({ completed: listed.length }))
await workers.close()
await workflowService.close()
await queueService.close()
cluster.disconnect()

// #region mixed
import { PgWorkflowService } from '@pikku/pg'
import { BullQueueService, BullQueueWorkers } from '@pikku/queue-bullmq'

const queueService = new BullQueueService('redis://localhost:6379')
const workflowService = new PgWorkflowService('postgresql://localhost:5432/myapp', queueService, 'workflows_mixed')
// #endregion
import { createRpc } from '@pikku/core'
import '../workflows/pikku.workflows.gen.js'

const services = { queueService, workflowService }
const rpc = createRpc(services)
const workers = new BullQueueWorkers(services, { only: ['pikku-workflow-orchestrator', 'pikku-workflow-step-worker'] })
await workers.registerQueues()
const { runId } = await rpc.startWorkflow('order-fulfillment', { item: 'lamp', amount: 20 })
await workflowService.waitForRun(runId, { timeout: '30s' })
console.log(JSON.stringify((await workflowService.getRun(runId))?.status))
await workers.close()
await workflowService.close()
await queueService.close()

import { createRpc } from '@pikku/core'
// #region inline
import { RedisWorkflowService } from '@pikku/redis'
import { Redis } from 'ioredis'

const redis = new Redis('redis://localhost:6379')

const workflowService = new RedisWorkflowService(
  redis,
  undefined, // No queue service = inline mode
  'workflows_inline',
)
// #endregion
import '../workflows/pikku.workflows.gen.js'

const rpc = createRpc({ workflowService })
const { runId } = await rpc.startWorkflow('order-fulfillment', { item: 'chair', amount: 40 })
const run = await workflowService.getRun(runId)
console.log(JSON.stringify({ status: run?.status, workflow: run?.workflow }))
await workflowService.close()
await redis.quit()

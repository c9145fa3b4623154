// #region inline
import { createRpc } from '@pikku/core'
import { PgWorkflowService } from '@pikku/pg'
import postgres from 'postgres'
import './workflows/pikku.workflows.gen.js'

const sql = postgres('postgresql://localhost:5432/myapp')

const workflowService = new PgWorkflowService(
  sql,
  undefined, // No queue service = inline mode
  'workflows_inline',
)

const rpc = createRpc({ workflowService })
const { runId } = await rpc.startWorkflow('order-fulfillment', { item: 'chair', amount: 40 })
const run = await workflowService.getRun(runId) // it has ended: completed, failed or cancelled
// #endregion

console.log(JSON.stringify({ status: run?.status, workflow: run?.workflow }))
await workflowService.close()
await sql.end()

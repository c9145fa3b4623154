import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const folder = mkdtempSync(path.join(tmpdir(), 'sqlite-app-'))
process.chdir(folder)

// #region app
import { createRpc } from '@pikku/core'
import { QueueWorkers, WorkflowService } from '@pikku/core/service'
import { SqliteQueueService } from '../writing-a-queue/index.ts'
import { openSqlite } from '../writing-a-store/index.ts'
import './workflows/pikku.workflows.gen.js'

const queueService = new SqliteQueueService('queues.db')
const workflowService = new WorkflowService(openSqlite('workflows.db'), queueService)
const services = { workflowService, queueService }
await workflowService.init() // makes the tables

const workers = new QueueWorkers(services)
await workers.registerQueues()

const rpc = createRpc(services)
const { runId } = await rpc.startWorkflow('order-fulfillment', { item: 'chair', amount: 40 })
const output = await workflowService.waitForRun(runId, { timeout: '30s' })
// #endregion

console.log(JSON.stringify(output))
await workers.close()
await workflowService.close()
await queueService.close()
rmSync(folder, { recursive: true })

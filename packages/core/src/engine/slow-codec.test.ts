import assert from 'node:assert/strict'
import { test } from 'vitest'
import { createRegistry, defineWorkflow, type WorkflowConfig } from '../define/index.ts'
import { memoryPorts, MemoryTables } from '../memory/index.ts'
import { WorkflowService } from '../service/index.ts'
import { systemClock } from './system-clock.ts'

test('a codec that takes longer than a lease to read the input costs no crash', async () => {
  const tables = new MemoryTables(systemClock)
  const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
  let entered = 0
  const open = (): WorkflowService => {
    const codec = {
      encode: (text: string) => text,
      decode: async (text: string) => {
        await new Promise((resolve) => void setTimeout(resolve, 1_500))
        return text
      },
    }
    const timing = { sweepMs: 50, redispatchAfterMs: 50, leaseMs: 300 }
    const service = new WorkflowService(memoryPorts(tables), undefined, { codec, timing })
    const func = defineWorkflow(async () => (entered += 1)) as WorkflowConfig
    service.bind({ logger: silent }, createRegistry({ workflows: [{ name: 'order', func }] }))
    return service
  }
  const services = [open(), open()]
  await services[0]?.startRun('order', 1, { runId: 'slow' })
  const run = await memoryPorts(tables).reader.getRun('slow')
  assert.deepEqual([run?.status, run?.crashes, entered], ['completed', 0, 1])
  for (const service of services) await service.close()
})

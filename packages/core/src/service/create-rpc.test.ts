import assert from 'node:assert/strict'
import { test } from 'vitest'
import { WorkflowError } from '../contract/index.ts'
import {
  createRegistry,
  defineFunction,
  defineWorkflow,
  type FunctionConfig,
  type FunctionWire,
} from '../define/index.ts'
import type { WorkflowConfig } from '../define/index.ts'
import { memoryPorts } from '../memory/index.ts'
import { createRpc, WorkflowService } from './index.ts'

const functions: Readonly<Record<string, FunctionConfig>> = {
  depth: defineFunction(({ rpc }: FunctionWire) => rpc.depth) as FunctionConfig,
  deeper: defineFunction(async ({ rpc }: FunctionWire, n: number): Promise<unknown> => {
    return n > 0 ? rpc.invoke('deeper', n - 1) : rpc.depth
  }) as FunctionConfig,
  throws: defineFunction(() => Promise.reject(new RangeError('inside'))) as FunctionConfig,
  inner: defineFunction(({ rpc }: FunctionWire) => rpc.invoke('missing')) as FunctionConfig,
}
const workflows = [{ name: 'order', func: defineWorkflow((_services: object, n: unknown) => n) as WorkflowConfig }]

function rpcOf(): { rpc: ReturnType<typeof createRpc>; service: WorkflowService } {
  const service = new WorkflowService(memoryPorts(), undefined)
  const services = { workflowService: service }
  service.bind(services, createRegistry({ functions, workflows }))
  return { rpc: createRpc(services), service }
}

test('R1, F49: depth is nesting, not the number of calls', async () => {
  const { rpc, service } = rpcOf()
  assert.equal(rpc.depth, 0)
  assert.deepEqual(await Promise.all([rpc.invoke('depth'), rpc.invoke('depth')]), [1, 1])
  assert.equal(await rpc.invoke('deeper', 9), 10)
  await service.close()
})

test('an unknown name lists near ones; an error from inside the called function is not taken for it', async () => {
  const { rpc, service } = rpcOf()
  await assert.rejects(
    rpc.invoke('depht'),
    (error) => WorkflowError.is(error, 'RPC_NOT_FOUND') && /'depth'/.test(error.message),
  )
  await assert.rejects(rpc.invoke('throws'), RangeError)
  await assert.rejects(
    rpc.invoke('inner'),
    (error) => WorkflowError.is(error, 'RPC_NOT_FOUND') && /'missing'/.test(error.message),
  )
  await service.close()
})

test('runs are started by name; in inline mode it resolves when they ended', async () => {
  const { rpc, service } = rpcOf()
  const { runId, created } = await rpc.startWorkflow('order', 7, { runId: 'mine' })
  assert.deepEqual([runId, created], ['mine', true])
  assert.equal((await service.getRun('mine'))?.output, 7)
  await assert.rejects(rpc.startWorkflow('oder', 7), (error) => WorkflowError.is(error, 'WORKFLOW_NOT_FOUND'))
  await service.close()
})

import fs from 'node:fs'
import path from 'node:path'
import { createRegistry, defineWorkflow, type WorkflowConfig, type WorkflowContext } from '@pikku/core'
import { startFreshRedis, type RedisServer } from '@pikku/tooling/redis'
import { expect, onTestFinished, test } from 'vitest'
import { RedisWorkflowService } from '../src/index.ts'
import { quiet, until } from './redis-harness.ts'

/** A service over a server of its own, that runs one workflow inline; `done` gets the name of each step it executes. */
async function open(): Promise<{ server: RedisServer; service: RedisWorkflowService; done: string[] }> {
  const server = await startFreshRedis()
  const service = new RedisWorkflowService(server.url, undefined, 'workflows', { leaseMs: 2_000 })
  onTestFinished(async () => {
    await service.close({ graceMs: 0 })
    await server.dispose()
  })
  const done: string[] = []
  const body = async (workflow: WorkflowContext): Promise<string> => {
    await workflow.do('a', async () => done.push('a'))
    await workflow.sleep('first', 1_000)
    await workflow.do('b', async () => done.push('b'))
    await workflow.sleep('second', 3_000)
    await workflow.do('c', async () => done.push('c'))
    return 'done'
  }
  const func = (given: object) => body((given as { workflow: WorkflowContext }).workflow)
  const workflows = [{ name: 'naps', func: defineWorkflow({ func }) as WorkflowConfig }]
  service.bind({ workflowService: service, logger: quiet }, createRegistry({ functions: {}, workflows }))
  return { server, service, done }
}

/** The run is parked: nothing of it is executed, and the process that ran it still has its body in memory. */
async function parkedIn(service: RedisWorkflowService, sleep: string): Promise<void> {
  await until(async () => {
    const steps = await service.listSteps('one')
    return steps.some(({ stepName, status }) => stepName === sleep && status === 'scheduled')
  })
}

test('a server that comes back without the last of what it had answered: the run goes on from there, and ends', async () => {
  const { server, service, done } = await open()
  const started = service.startRun('naps', null, { runId: 'one' })
  await parkedIn(service, 'first')
  const kept = path.join(path.dirname(server.log), 'appendonlydir')
  fs.cpSync(kept, `${kept}.earlier`, { recursive: true })
  await parkedIn(service, 'second')
  await server.kill()
  fs.rmSync(kept, { recursive: true })
  fs.renameSync(`${kept}.earlier`, kept)
  await server.start()
  await started
  expect(await service.getRun('one')).toMatchObject({ status: 'completed', output: 'done' })
  // What was lost is done again, with the rest of it, and nothing else is.
  expect(done).toEqual(['a', 'b', 'b', 'c'])
  const steps = (await service.listSteps('one')).map(({ stepName, status }) => `${stepName} ${status}`)
  expect(steps).toEqual(['a', 'first', 'b', 'second', 'c'].map((name) => `${name} succeeded`))
})

test('a server that comes back with all it had answered: nothing is done again', async () => {
  const { server, service, done } = await open()
  const started = service.startRun('naps', null, { runId: 'one' })
  await parkedIn(service, 'second')
  await server.kill()
  await server.start()
  await started
  expect(await service.getRun('one')).toMatchObject({ status: 'completed', output: 'done' })
  expect(done).toEqual(['a', 'b', 'c'])
})

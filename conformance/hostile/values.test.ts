import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { memoryPorts, MemoryQueues, MemoryQueueService, MemoryTables } from '@pikku/core/testing'
import { QueueWorkers, WorkflowService } from '@pikku/core/service'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { worlds, type World } from '../worlds.ts'
import { anyOddValue, times, timeout } from './arbitraries.ts'
import { openApp, registryOf, type HostileApp, type Parts } from './apps.ts'
import { endOf } from './ends.ts'

/** What bodies were given that was not what the test gave: in this process, because nothing of it may go through a store. */
const wrong: string[] = []
const given = new Map<string, readonly unknown[]>()

function carrying(carried: unknown): Error {
  return Object.assign(new Error('carries a value'), { carried })
}

/** Bodies run again from the start at every turn, so that what is checked here is checked live and replayed. */
const everyTurnReplays = { timing: { parkedRuns: 0, sweepMs: 200 } }

const parts: Parts = {
  functions: {
    echo: (data) => data,
    fail: (data) => {
      throw carrying(data)
    },
  },
  workflows: {
    carry: async (workflow, input: readonly unknown[]) => {
      const originals = given.get(workflow.runId) ?? []
      const check = (where: string, got: unknown, wanted: unknown): void => {
        if (!isDeepStrictEqual(got, wanted)) wrong.push(`${where} of ${workflow.runId}`)
      }
      check('the input', input, originals)
      const steps = originals.map(async (original, index) => {
        check('a result', await workflow.do(`rpc ${index}`, 'echo', original), original)
        check('an inline result', await workflow.do(`inline ${index}`, () => input[index]), original)
        const thrown = await workflow.do(`fail ${index}`, 'fail', original).catch((error: unknown) => error)
        check('an error', thrown instanceof Error && Reflect.get(thrown, 'carried'), original)
        return original
      })
      return Promise.all(steps)
    },
  },
}

async function checkValues({ service }: Pick<HostileApp, 'service'>, runs: number): Promise<void> {
  let count = 0
  await fc.assert(
    fc.asyncProperty(fc.array(anyOddValue, { minLength: 8, maxLength: 16 }), async (values) => {
      const runId = `values-${count++}-${Math.random()}`
      given.set(runId, values)
      await service.startRun('carry', values, { runId })
      expect(await endOf(service, runId)).toBe('completed')
      expect(wrong).toEqual([])
      const run = await service.getRun(runId)
      expect(isDeepStrictEqual(run?.input, values), 'the input as it is shown').toBe(true)
      expect(isDeepStrictEqual(run?.output, values), 'the output as it is shown').toBe(true)
      const history = await service.getRunHistory(runId)
      for (const { stepName, result, error } of history) {
        const value = values[Number(stepName.split(' ')[1])]
        const shown = stepName.startsWith('fail') ? Reflect.get(Object(error), 'carried') : result
        expect(isDeepStrictEqual(shown, value), `${stepName} in the history`).toBe(true)
      }
      expect(history).toHaveLength(values.length * 3)
      expect(Object.keys(Object.prototype)).toEqual([])
    }),
    { numRuns: runs * times, endOnFailure: true },
  )
}

test('values keep value and type live, replayed and shown: memory store', { timeout }, async () => {
  const queueService = new MemoryQueueService(new MemoryQueues())
  const service = new WorkflowService(memoryPorts(new MemoryTables()), queueService, everyTurnReplays)
  const services = { workflowService: service, queueService, logger: console }
  service.bind(services, registryOf(parts))
  const workers = new QueueWorkers(services)
  await workers.registerQueues()
  await checkValues({ service }, 20)
  await workers.close()
  await service.close()
})

describe.each(worlds)('values keep value and type live, replayed and shown: $name', ({ openWorld }) => {
  let world: World
  let app: HostileApp

  beforeAll(async () => {
    world = await openWorld()
    app = await openApp(world, parts, everyTurnReplays)
  })
  afterAll(() => world?.drop())
  afterAll(() => app?.close())

  test('through every place a value passes', { timeout }, async () => {
    await checkValues(app, 8)
  })
})

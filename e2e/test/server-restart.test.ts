import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../harness/deadline.ts'
import { purePairs, startServer } from '../harness/pairs.ts'
import { World } from '../harness/world.ts'

const runCount = 40
const length = 8

describe.each(purePairs)('$name', (pair) => {
  let server: Awaited<ReturnType<typeof startServer>>
  let world: World

  beforeEach(async () => {
    server = await startServer(pair)
    world = await World.open({ STORE_URL: server.url, QUEUE_URL: server.url })
  })
  afterEach(async () => {
    await world.close()
    await server.dispose()
  })

  test('the server crashes and comes back twice under load: every run ends, every step has one result', async () => {
    await Promise.all([world.startWorker(), world.startWorker()])
    const { workflowService } = world.services
    const runs = await Promise.all(Array.from({ length: runCount }, () => world.rpc.startWorkflow('chain', { length })))

    for (const share of [0.2, 0.5]) {
      await eventually('the work gets on', () => world.entries().length >= runCount * length * 2 * share, 60_000)
      await server.kill()
      await server.start()
    }

    for (const { runId } of runs) {
      expect(await workflowService.waitForRun(runId, { timeout: '80s' })).toBe(28)
      const history = await workflowService.getRunHistory(runId)
      expect(history.filter(({ status }) => status === 'succeeded')).toHaveLength(length * 2)
    }
    for (const { runId } of runs) {
      for (let i = 0; i < length; i++) {
        const starts = world.entries({ event: 'started', runId, step: `note ${i}` })
        expect(starts.length).toBeGreaterThanOrEqual(1)
        expect(new Set(starts.map(({ attempt }) => attempt)).size, 'one start for each attempt').toBe(starts.length)
      }
    }
  }, 180_000)
})

import assert from 'node:assert/strict'
import { until } from '../engine/until.ts'
import type { QueueTestGroup } from './queue-world.ts'

export const delayTests: QueueTestGroup = {
  name: 'delay',
  tests: {
    'holds a job back that long, and not much longer': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      let startedAt = 0
      await world.worker(queue, () => (startedAt = performance.now()))
      const addedAt = performance.now()
      const id = await service.add(queue, 1, { delay: 1_200 })
      assert.equal(await (await world.job(queue, id, service)).status(), 'delayed')
      await until('it ran', () => startedAt > 0)
      const waited = startedAt - addedAt
      // Half a minute later would be an accident; the few seconds are for busy machines.
      assert.ok(waited >= 1_198 && waited < 5_000, `${waited} ms`)
    },

    'holds up no other job': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const late = await service.add(queue, 'late', { delay: 60_000, priority: 10 })
      const job = await world.job(queue, await service.add(queue, 'now'), service)
      await world.worker(queue, ({ data }) => data)
      assert.equal(await job.waitForCompletion(), 'now')
      assert.equal(await (await world.job(queue, late)).status(), 'delayed')
    },

    'fractions of a millisecond and ten years are fine': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const years = await service.add(queue, 'years', { delay: 315_360_000_000 })
      const job = await world.job(queue, await service.add(queue, 'soon', { delay: 0.25 }), service)
      await world.worker(queue, ({ data }) => data)
      assert.equal(await job.waitForCompletion(), 'soon')
      assert.equal(await (await world.job(queue, years)).status(), 'delayed')
    },
  },
}

export const priorityTests: QueueTestGroup = {
  name: 'priority',
  tests: {
    'the higher one first, below zero last, equals as they were added': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const order: unknown[] = []
      const priorities = [0, 1, 10, -5, 1_000_000, -1_000_000, 10, 0]
      for (const [index, priority] of priorities.entries()) await service.add(queue, [priority, index], { priority })
      await service.add(queue, ['none', 8])
      await world.worker(queue, (job) => order.push(job.data))
      await until('all ran', () => order.length === 9)
      const expected = [
        [1_000_000, 4],
        [10, 2],
        [10, 6],
        [1, 1],
        [0, 0],
        [0, 7],
        ['none', 8],
        [-5, 3],
        [-1_000_000, 5],
      ]
      assert.deepEqual(order, expected)
    },

    'holds for delayed jobs once they are due': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const order: unknown[] = []
      await service.add(queue, 'low', { priority: -1 })
      const id = await service.add(queue, 'high', { priority: 1, delay: 50 })
      await world.untilStatus(service, queue, id, 'waiting')
      await world.worker(queue, (job) => order.push(job.data))
      await until('both ran', () => order.length === 2)
      assert.deepEqual(order, ['high', 'low'])
    },
  },
}

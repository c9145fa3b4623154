import assert from 'node:assert/strict'
import { until } from '../engine/until.ts'
import type { QueueTestGroup } from './queue-world.ts'

const ids = ['k1', '42', '0', '0:1', 'a:b', 'a:b:c', '', 'ü\u0000\ud800', '11111111-1111-4111-8111-111111111111']

export const jobIdTests: QueueTestGroup = {
  name: 'jobId',
  tests: {
    'F37: is one job, whatever its form, from any process': async (world) => {
      const queue = world.queue()
      const [first, second] = [await world.process(), await world.process()]
      for (const jobId of ids) {
        assert.equal(await first.add(queue, { n: 1 }, { jobId }), jobId)
        assert.equal(await second.add(queue, { n: 2 }, { jobId }), jobId)
        const job = await world.job(queue, jobId, second)
        assert.deepEqual([job.id, job.data], [jobId, { n: 1 }])
      }
      const ran: string[] = []
      await world.worker(queue, (job) => ran.push(job.id))
      await until('each ran', () => ran.length >= ids.length)
      assert.deepEqual(ran.toSorted(), ids.toSorted())
    },

    'added by two processes at once, many times, is handled once': async (world) => {
      const queue = world.queue()
      const services = [await world.process(), await world.process()]
      const add = (n: number) => services[n % 2]?.add(queue, n, { jobId: 'once' })
      await Promise.all(Array.from({ length: 20 }, (_, n) => add(n)))
      const ran: unknown[] = []
      await world.worker(queue, (job) => ran.push(job.data), 5)
      const last = await services[0]?.add(queue, 'last')
      await world.untilStatus(await world.process(), queue, String(last), 'completed')
      assert.equal(ran.filter((data) => data !== 'last').length, 1)
    },

    'adding it again changes neither data nor options': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      await service.add(queue, 'first', { jobId: 'a', delay: 60_000, priority: 3, attempts: 2 })
      await service.add(queue, 'second', { jobId: 'a', priority: 9 })
      const job = await world.job(queue, 'a', service)
      const { priority, attempts } = await job.metadata()
      assert.deepEqual([job.data, await job.status(), priority, attempts], ['first', 'delayed', 3, 2])
    },

    'is known while it runs, and after its end': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const ran: unknown[] = []
      await world.worker(queue, async (job) => {
        ran.push(job.data)
        await service.add(queue, 'while it runs', { jobId: 'a' })
        if (job.id === 'b') throw new Error('no')
      })
      await service.add(queue, 'a', { jobId: 'a' })
      await service.add(queue, 'b', { jobId: 'b' })
      await world.untilStatus(service, queue, 'a', 'completed')
      await world.untilStatus(service, queue, 'b', 'failed')
      for (const jobId of ['a', 'b']) await service.add(queue, 'after its end', { jobId })
      const last = await service.add(queue, 'last')
      await world.untilStatus(service, queue, last, 'completed')
      assert.deepEqual(ran, ['a', 'b', 'last'])
    },

    'is another job in another queue': async (world) => {
      const service = await world.process()
      await service.add(world.queue('one'), 1, { jobId: 'a' })
      assert.equal(await service.getJob(world.queue('two'), 'a'), null)
      await service.add(world.queue('two'), 2, { jobId: 'a' })
      assert.equal((await world.job(world.queue('two'), 'a', service)).data, 2)
      assert.equal((await world.job(world.queue('one'), 'a', service)).data, 1)
    },
  },
}

export const removalTests: QueueTestGroup = {
  name: 'removeOnComplete and removeOnFail',
  tests: {
    'F45: at age 0 a job is gone at its end, and its jobId free': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const ran: unknown[] = []
      await world.worker(queue, (job) => {
        ran.push(job.data)
        if (job.data === 'bad') throw new Error('no')
      })
      for (const data of ['good', 'bad', 'again']) {
        const gone = { removeOnComplete: { age: 0 }, removeOnFail: { age: 0 } }
        await service.add(queue, data, { jobId: 'a', ...gone })
        await until('it ran', () => ran.includes(data))
        await until('it is gone', async () => (await service.getJob(queue, 'a')) === null)
      }
      assert.deepEqual(ran, ['good', 'bad', 'again'])
    },

    'F45: after its age a job is unknown to everybody, and its jobId free': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const ran: unknown[] = []
      await world.worker(queue, (job) => ran.push(job.data))
      await service.add(queue, 1, { jobId: 'a', removeOnComplete: { age: 1 } })
      const job = await world.untilStatus(service, queue, 'a', 'completed')
      await until('it is unknown', async () => (await service.getJob(queue, 'a')) === null)
      assert.equal(await job.status(), 'unknown')
      await service.add(queue, 2, { jobId: 'a' })
      await until('it ran again', () => ran.length === 2)
    },

    'each end by its own age': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      await world.worker(queue, (job) => {
        if (job.data === 'bad') throw new Error('no')
      })
      const [completed, failed] = [{ removeOnComplete: { age: 0 } }, { removeOnFail: { age: 0 } }]
      await service.add(queue, 'bad', { jobId: 'bad, kept', ...completed })
      await service.add(queue, 'bad', { jobId: 'bad, gone', ...failed })
      await service.add(queue, 'good', { jobId: 'good, kept', ...failed })
      await service.add(queue, 'good', { jobId: 'good, gone', ...completed })
      await until('the last is gone', async () => (await service.getJob(queue, 'good, gone')) === null)
      await world.untilStatus(service, queue, 'bad, kept', 'failed')
      await world.untilStatus(service, queue, 'good, kept', 'completed')
      assert.equal(await service.getJob(queue, 'bad, gone'), null)
      const [soonCompleted, soonFailed] = [{ removeOnComplete: { age: 1 } }, { removeOnFail: { age: 1 } }]
      await service.add(queue, 'bad', { jobId: 'bad, kept on', ...soonCompleted })
      await service.add(queue, 'good', { jobId: 'good, kept on', ...soonFailed })
      await service.add(queue, 'bad', { jobId: 'bad, gone soon', ...soonFailed })
      await service.add(queue, 'good', { jobId: 'good, gone soon', ...soonCompleted })
      for (const id of ['bad, gone soon', 'good, gone soon']) {
        await until(`${id} is unknown`, async () => (await service.getJob(queue, id)) === null)
      }
      await world.untilStatus(service, queue, 'bad, kept on', 'failed')
      await world.untilStatus(service, queue, 'good, kept on', 'completed')
    },

    'a failed attempt that is not the last removes nothing': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      await world.worker(queue, ({ attempt }) => {
        if (attempt === 1) throw new Error('no')
        return 'kept'
      })
      const id = await service.add(queue, 1, { attempts: 2, removeOnFail: { age: 0 } })
      assert.equal((await world.untilStatus(service, queue, id, 'completed')).result, 'kept')
    },
  },
}

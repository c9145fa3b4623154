import assert from 'node:assert/strict'
import type { JobOptions } from '../../contract/index.ts'
import type { QueueTestGroup, QueueWorld } from './queue-world.ts'

const cyclic: Record<string, unknown> = { name: 'a' }
cyclic['self'] = cyclic

/** Everything that plain JSON would lose. */
const awkward = {
  date: new Date(5),
  map: new Map([[1, new Set(['x'])]]),
  big: 2n ** 70n,
  missing: undefined,
  nothing: null,
  zero: -0,
  nan: NaN,
  nul: 'a\u0000b',
  lone: '\ud800',
  emoji: '✓ 😀',
  bytes: new Uint8Array([1, 2, 3]),
  error: new RangeError('kept'),
  cyclic,
}

class Money {}

const badOptions: Readonly<Record<string, object>> = {
  'a priority that is no whole number': { priority: 1.5 },
  'a priority beyond a million': { priority: 1_000_001 },
  'a priority in words': { priority: 'high' },
  'no attempts': { attempts: 0 },
  'half an attempt': { attempts: 1.5 },
  'a negative delay': { delay: -1 },
  'a delay that is no number': { delay: NaN },
  'a delay in words': { delay: '5s' },
  'a backoff of an unknown type': { backoff: { type: 'linear', delay: 5 } },
  'a negative backoff': { backoff: { type: 'fixed', delay: -5 } },
  'a backoff without a delay': { backoff: { type: 'fixed' } },
  'a backoff in one word': { backoff: 'fixed' },
  'a negative age': { removeOnComplete: { age: -1 } },
  'half a second of age': { removeOnFail: { age: 0.5 } },
  'an age without its name': { removeOnFail: 5 },
  'a jobId that is a number': { jobId: 7 },
  'an option that does not exist': { retries: 3 },
}

const notInThisRelease = ['deadLetter', 'repeat', 'cron', 'rateLimit', 'limiter']

async function refuses(world: QueueWorld, options: object, words: RegExp): Promise<void> {
  const service = await world.process()
  await assert.rejects(service.add(world.queue(), 1, options as JobOptions), { code: 'INVALID_INPUT', message: words })
  assert.equal(await service.getJob(world.queue(), String(Reflect.get(options, 'jobId'))), null)
}

const optionCases = Object.fromEntries(
  Object.entries(badOptions).map(([what, options]) => [
    `refuses ${what}`,
    (world: QueueWorld) => refuses(world, options, new RegExp(Object.keys(options)[0] ?? '')),
  ]),
)

const laterCases = Object.fromEntries(
  notInThisRelease.map((name) => [
    `the option ${name} is not in this release, and says so`,
    (world: QueueWorld) => refuses(world, { [name]: {} }, new RegExp(`'${name}' is not in this release`)),
  ]),
)

export const addTests: QueueTestGroup = {
  name: 'add',
  tests: {
    'F36: takes data from one process to another, and brings the result back': async (world) => {
      const queue = world.queue()
      const producer = await world.process()
      const id = await producer.add(queue, { n: 21 })
      await world.worker(queue, (job) => (job.data as { n: number }).n * 2)
      const job = await world.untilStatus(producer, queue, id, 'completed')
      assert.deepEqual([job.id, job.queueName, job.data, job.result], [id, queue, { n: 21 }, 42])
    },

    'every value keeps its type, as data and as result': async (world) => {
      const queue = world.queue()
      const producer = await world.process()
      const id = await producer.add(queue, awkward)
      let received: unknown
      await world.worker(queue, (job) => (received = job.data))
      const job = await world.untilStatus(producer, queue, id, 'completed')
      for (const value of [received, job.data, job.result]) assert.deepEqual(value, awkward)
    },

    'undefined, null, text, numbers and lists are data and results too': async (world) => {
      const queue = world.queue()
      const producer = await world.process()
      const values = [undefined, null, '', 'text', 0, false, [], [1, 2]]
      const ids = await Promise.all(values.map((value) => producer.add(queue, value)))
      await world.worker(queue, (job) => job.data, 4)
      for (const [index, id] of ids.entries()) {
        const job = await world.untilStatus(producer, queue, id, 'completed')
        assert.deepEqual([job.data, job.result], [values[index], values[index]])
      }
    },

    'what cannot be kept is refused with its path': async (world) => {
      const service = await world.process()
      const add = (data: unknown) => service.add(world.queue(), data)
      const refused = { code: 'NOT_SERIALIZABLE', path: 'data.order.lines[0].price' }
      await assert.rejects(add({ order: { lines: [{ price: new Money() }] } }), refused)
      await assert.rejects(
        add(() => 1),
        /data cannot be kept: it is a function/,
      )
      await assert.rejects(add({ later: Promise.resolve(1) }), /data\.later/)
    },

    'a queue may be named by letters, digits and _ . - /, and by nothing else': async (world) => {
      const service = await world.process()
      const allowed = world.queue('a-Z_0.9/x')
      await world.untilStatus(service, allowed, await service.add(allowed, 1), 'waiting')
      for (const name of ['', 'a b', 'a:b', 'a{b}', 'a\u0000', 'ü', 'x'.repeat(201), undefined as never]) {
        const refused = { code: 'INVALID_NAME', message: /is not a queue name/ }
        await assert.rejects(service.add(name, 1), refused)
        await assert.rejects(service.getJob(name, 'x'), refused)
        await assert.rejects(
          service.consume(name, {}, async () => 1),
          refused,
        )
      }
    },

    ...optionCases,
    ...laterCases,
  },
}

const unknownIds = ['k1', '', '0', '42', 'a:b', 'a:b:c', '\u0000', '\ud800', "'; drop", 'x'.repeat(5_000)]

export const getJobTests: QueueTestGroup = {
  name: 'getJob',
  tests: {
    'F40: finds the job from a process that has not used the queue before': async (world) => {
      const queue = world.queue()
      const id = await (await world.process()).add(queue, 'x')
      assert.equal((await world.job(queue, id)).data, 'x')
    },

    'F40: is null for an unknown id, whatever its form': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      await service.add(queue, 1)
      const uuid = '00000000-0000-4000-8000-000000000000'
      for (const id of [...unknownIds, uuid, undefined as never]) assert.equal(await service.getJob(queue, id), null)
    },

    'is null for a queue that nothing was ever added to': async (world) => {
      assert.equal(await (await world.process()).getJob(world.queue('never'), 'k1'), null)
    },

    'a job is as it was when it was read; status and metadata look again': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const early = await world.job(queue, await service.add(queue, 1), service)
      await world.worker(queue, () => 'done')
      assert.equal(await early.waitForCompletion(), 'done')
      assert.equal(early.result, undefined)
      assert.equal(await early.status(), 'completed')
      assert.equal((await early.metadata()).attemptsMade, 1)
    },
  },
}

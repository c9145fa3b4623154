import type { WorkItem } from '@pikku/core/contract'
import { startFreshRedis, type RedisServer } from '@pikku/tooling/redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { BullQueueService } from '../src/index.ts'
import { RecordingLogger, runItem, stepItem, until } from './support.ts'

const queues = { orchestrator: 'turns', worker: 'steps' }

// A server of its own: connections are cut, and everything in it is counted.
let server: RedisServer
let redis: Redis
let logger: RecordingLogger

beforeAll(async () => {
  server = await startFreshRedis()
  redis = new Redis(server.url)
})
beforeEach(async () => {
  await redis.flushall()
  logger = new RecordingLogger()
})
afterAll(async () => {
  await redis?.quit()
  await server?.dispose()
})

function open(): BullQueueService {
  const service = new BullQueueService(server.url, { logger })
  onTestFinished(() => service.close())
  return service
}

test('F26: a message is handed over once, whatever becomes of it', async () => {
  const doorbell = open().doorbell(queues)
  const heard: string[] = []
  await doorbell.answer({ run: 5, step: 5 }, async (item) => {
    heard.push(item.runId)
    throw new Error('broken')
  })
  await doorbell.ring([runItem('first'), stepItem('second')])
  const isGone = async () => (await redis.keys('bull:*')).filter((key) => /:[0-9a-f-]{36}/.test(key)).length === 0
  await until('both were handed over', async () => heard.length === 2 && (await isGone()))
  await doorbell.ring([runItem('third')])
  await until('the next is handed over', async () => heard.includes('third') && (await isGone()))
  expect(heard.toSorted()).toEqual(['first', 'second', 'third'])
})

test('F38: a job costs one round trip', async () => {
  const service = open()
  await service.add('mail', 0)
  await redis.config('RESETSTAT')
  for (let n = 0; n < 50; n++) await service.add('mail', n)
  const lines = (await redis.info('commandstats')).matchAll(
    /^cmdstat_(evalsha|eval|info|client\|\w+|script\|\w+):calls=(\d+)/gm,
  )
  const calls = [...lines].reduce((sum, [, , count]) => sum + Number(count), 0)
  // One of them asks for these figures.
  expect(calls).toBeLessThanOrEqual(52)
})

test('F44: every connection cut, those that wait included, ends no process and loses nothing', async () => {
  const [producer, consumer] = [open(), open()]
  const heard: WorkItem[] = []
  await consumer.doorbell(queues).answer({ run: 1, step: 1 }, async (item) => void heard.push(item))
  const handled: unknown[] = []
  await consumer.consume('mail', {}, async (job) => handled.push(job.data))
  await producer.add('mail', 0)
  await until('it works', () => handled.length === 1)
  const later = await producer.add('mail', 'later', { delay: 800 })
  const waiting = (await producer.getJob('mail', later))?.waitForCompletion()
  for (let n = 1; n <= 3; n++) {
    // While all of them wait for something: what is on its way to a worker then comes back half a minute later.
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal')
    await producer.doorbell(queues).ring([runItem(`run-${n}`)])
    await producer.add('mail', n)
    await until('both arrive', () => heard.length === n && handled.includes(n))
  }
  await waiting
  expect(new Set(handled)).toEqual(new Set([0, 1, 2, 3, 'later']))
  expect(new Set(heard.map((item) => item.runId))).toEqual(new Set(['run-1', 'run-2', 'run-3']))
})

import type { Answering, Doorbell, WorkItem } from '@pikku/core/contract'
import { Queue } from 'bullmq'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BullDoorbell } from '../src/bull-doorbell.ts'
import { BullConnection } from '../src/connection.ts'
import { BullQueueService } from '../src/index.ts'
import { openKeys, RecordingLogger, runItem, stepItem, until } from './support.ts'

const queues = { orchestrator: 'orchestrator', worker: 'step-worker' }

describe('the doorbell on BullMQ', () => {
  const keys = openKeys()
  let services: BullQueueService[]
  let logger: RecordingLogger
  let heard: WorkItem[]

  beforeEach(() => {
    services = []
    logger = new RecordingLogger()
    heard = []
  })
  afterEach(async () => {
    await Promise.all(services.map((service) => service.close()))
    await keys.clear()
  })
  afterAll(() => keys.close())

  function service(): BullQueueService {
    const made = new BullQueueService(keys.url, { prefix: keys.prefix, logger })
    services.push(made)
    return made
  }
  function listen(doorbell: Doorbell, roles = { run: 10, step: 10 }): Promise<Answering> {
    return doorbell.answer(roles, async (item) => void heard.push(item))
  }
  /** Messages that are in Redis in any form: those taken and not yet removed included. */
  async function messagesLeft(): Promise<number> {
    return (await keys.all()).filter((key) => /:[0-9a-f-]{36}$/.test(key)).length
  }
  async function messagesWaiting(): Promise<number> {
    return await keys.redis.llen(`${keys.prefix}:{${queues.orchestrator}}:wait`)
  }

  it('F45: hands over each of 1,000 items once, between two processes, and leaves nothing behind', async () => {
    const items = Array.from({ length: 1_000 }, (_, i) => (i % 2 ? stepItem(`run-${i}`) : runItem(`run-${i}`)))
    const producer = service().doorbell(queues)
    await Promise.all([listen(service().doorbell(queues)), listen(service().doorbell(queues))])
    await Promise.all(items.map((item) => producer.ring([item])))
    await until('all are heard', () => heard.length >= 1_000)
    await until('no message is left', async () => (await messagesLeft()) === 0)
    expect(new Set(heard.map((item) => item.runId)).size).toBe(1_000)
    expect(heard).toHaveLength(1_000)
    // BullMQ would keep 10,000 lines about them.
    for (const name of Object.values(queues)) {
      expect(await keys.redis.xlen(`${keys.prefix}:{${name}}:events`)).toBeLessThan(500)
      expect(await keys.redis.exists(`${keys.prefix}:{${name}}:completed`)).toBe(0)
    }
  })

  it('answers both queues or none: of what could not be answered in whole nothing is taken', async () => {
    const connection = new BullConnection(keys.url, keys.prefix, logger)
    const worker = connection.worker.bind(connection)
    connection.worker = async (name, ...rest) => {
      if (name === queues.worker) throw new Error('no queue today')
      return worker(name, ...rest)
    }
    await expect(listen(new BullDoorbell(connection, queues, logger))).rejects.toThrow('no queue today')
    const queue = new Queue(`{${queues.orchestrator}}`, { connection: keys.redis, prefix: keys.prefix })
    await until('nobody is there to take anything', async () => (await queue.getWorkersCount()) === 0)
    await service()
      .doorbell(queues)
      .ring([runItem('a')])
    expect(await messagesWaiting()).toBe(1)
    expect(heard).toEqual([])
    await queue.close()
    await connection.close()
  })

  it('F13: items of one millisecond never collide, whatever their run ids look like', async () => {
    const ids = [
      'a:b',
      'a:b:c',
      '42',
      '0',
      '0:1',
      'meta',
      'wait',
      '',
      ...Array.from({ length: 50 }, (_, i) => `${i}:${i}`),
    ]
    await Promise.all(
      ids.map((id) =>
        service()
          .doorbell(queues)
          .ring([runItem(id || '-'), stepItem(id || '-')]),
      ),
    )
    await listen(service().doorbell(queues))
    await until('all are heard', () => heard.length >= ids.length * 2)
    expect(heard.filter((item) => item.kind === 'step')).toHaveLength(ids.length)
  })

  it('drops a doubled ring of a step, but not another attempt or dispatch of it', async () => {
    const doorbell = service().doorbell(queues)
    const rung = [stepItem('r'), stepItem('r', { attempt: 2 }), stepItem('r', { dispatch: 1 })]
    await doorbell.ring([...rung, ...rung])
    await doorbell.ring(rung)
    await listen(doorbell)
    await until('three are heard', () => heard.length >= 3)
    await until('no message is left', async () => (await messagesLeft()) === 0)
    expect(heard).toHaveLength(3)
  })

  it('F43: takes no more than its free slots, and the next as soon as one is free', async () => {
    const release: (() => void)[] = []
    const doorbell = service().doorbell(queues)
    await doorbell.answer({ run: 3, step: 0 }, () => new Promise((resolve) => void release.push(resolve)))
    await doorbell.ring(Array.from({ length: 8 }, (_, i) => runItem(`run-${i}`)))
    await until('three are under way', () => release.length === 3)
    // Five wait in the queue, where any other process can take them; the three are done with.
    expect(await messagesWaiting()).toBe(5)
    await until('the three are removed', async () => (await messagesLeft()) === 5)
    release.shift()?.()
    await until('a fourth is under way', () => release.length === 3)
    expect(await messagesWaiting()).toBe(4)
    while (await messagesWaiting()) release.shift()?.()
    for (const resolve of release) resolve()
  })

  it('hands nothing over after stop, stops at once, and leaves it to the others at once', async () => {
    const doorbell = service().doorbell(queues)
    const answering = await listen(doorbell)
    const startedAt = performance.now()
    await answering.stop()
    // Not when the wait at the server is over.
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    await doorbell.ring([runItem('late')])
    expect(await messagesWaiting()).toBe(1)
    expect(heard).toEqual([])
    await listen(service().doorbell(queues))
    await until('another hears it', () => heard.length === 1)
  })

  it('loses nothing and delays nothing when one of two is stopped while messages come', async () => {
    const [first, second] = [service().doorbell(queues), service().doorbell(queues)]
    const producer = service().doorbell(queues)
    await listen(second)
    for (let i = 0; i < 15; i++) {
      const answering = await listen(first)
      const [rung] = [producer.ring([runItem(`run-${i}`)]), answering.stop()]
      await rung
      await until('it is heard', () => heard.some((item) => item.runId === `run-${i}`), 2_000)
    }
  })

  it('keeps taking items when a handler breaks its promise and rejects', async () => {
    const doorbell = service().doorbell(queues)
    await doorbell.answer({ run: 1, step: 0 }, async (item) => {
      heard.push(item)
      throw new Error('broken')
    })
    await doorbell.ring([runItem('a'), runItem('b')])
    await until('both are heard', () => heard.length === 2)
  })

  it('drops a forged or foreign message with a warning', async () => {
    const doorbell = service().doorbell(queues)
    await doorbell.ring([runItem('good')])
    const foreign = new Queue(`{${queues.orchestrator}}`, { connection: keys.redis, prefix: keys.prefix })
    const forged = [
      {},
      [1],
      null,
      'text',
      stepItem('r'),
      { kind: 'run', runId: 7, workflow: 'w' },
      { kind: 'run', runId: 'r' },
    ]
    for (const data of forged) await foreign.add('x', data)
    await listen(doorbell, { run: 1, step: 0 })
    await until('all are dropped', () => warnings() === forged.length)
    expect(heard).toEqual([runItem('good')])
    await until('no message is left', async () => (await messagesLeft()) === 0)
    expect(await keys.redis.exists(foreign.toKey('completed'))).toBe(0)
    await foreign.close()
  })
  function warnings(): number {
    return logger.lines.filter((line) => line.includes('is not a work item')).length
  }

  it('a message that a worker took along into death comes back', async () => {
    const doorbell = service().doorbell(queues)
    await doorbell.ring([runItem('taken')])
    const wait = `${keys.prefix}:{${queues.orchestrator}}`
    // Taken without a lock, and noted by the check before: what a dead worker leaves behind.
    await keys.redis.rpoplpush(`${wait}:wait`, `${wait}:active`)
    const [id = ''] = await keys.redis.lrange(`${wait}:active`, 0, 0)
    await keys.redis.sadd(`${wait}:stalled`, id)
    await listen(doorbell)
    await until('it is heard', () => heard.length === 1)
    await until('no message is left', async () => (await messagesLeft()) === 0)
  })

  it('goes on after SCRIPT FLUSH', async () => {
    const doorbell = service().doorbell(queues)
    await listen(doorbell)
    await doorbell.ring([runItem('before')])
    await until('the first is heard', () => heard.length === 1)
    await keys.redis.script('FLUSH')
    await doorbell.ring(Array.from({ length: 5 }, (_, i) => runItem(`after-${i}`)))
    await until('all are heard', () => heard.length === 6)
  })

  it('refuses one queue for both kinds, and names that are not queue names', () => {
    expect(() => service().doorbell({ orchestrator: 'q', worker: 'q' })).toThrow(/a queue each/)
    expect(() => service().doorbell({ orchestrator: 'a b', worker: 'q' })).toThrow(/not a queue name/)
  })
})

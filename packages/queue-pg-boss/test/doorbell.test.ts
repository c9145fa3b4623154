import type { Answering, Doorbell, WorkItem } from '@pikku/core/contract'
import { PgBoss } from 'pg-boss'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PgBossQueueService } from '../src/index.ts'
import { createDatabase, cutConnections, RecordingLogger, runItem, stepItem, until } from './support.ts'
import type { TestDatabase } from './support.ts'

const queues = { orchestrator: 'orchestrator', worker: 'step-worker' }

describe('the doorbell on pg-boss', () => {
  let database: TestDatabase
  let services: PgBossQueueService[]
  let logger: RecordingLogger
  let heard: WorkItem[]

  beforeAll(async () => {
    database = await createDatabase()
  })
  afterAll(() => database.drop())
  beforeEach(() => {
    services = []
    logger = new RecordingLogger()
    heard = []
  })
  afterEach(async () => {
    await Promise.all(services.map((service) => service.close()))
    await database.sql`drop schema if exists pgboss cascade`
  })

  function service(): PgBossQueueService {
    const made = new PgBossQueueService(database.url, { logger })
    services.push(made)
    return made
  }
  function listen(doorbell: Doorbell, roles = { run: 10, step: 10 }): Promise<Answering> {
    return doorbell.answer(roles, async (item) => void heard.push(item))
  }
  async function messagesLeft(): Promise<number> {
    const [row] = await database.sql`select count(*)::int as count from pgboss.job`
    return row?.['count']
  }

  it('hands over each of 1,000 items once, between two processes that share the queues', async () => {
    const items = Array.from({ length: 1_000 }, (_, i) => (i % 2 ? stepItem(`run-${i}`) : runItem(`run-${i}`)))
    const producer = service().doorbell(queues)
    await Promise.all([listen(service().doorbell(queues)), listen(service().doorbell(queues))])
    await Promise.all(items.map((item) => producer.ring([item])))
    await until('all are heard', () => heard.length >= 1_000)
    await until('no message is left', async () => (await messagesLeft()) === 0)
    expect(new Set(heard.map((item) => item.runId)).size).toBe(1_000)
    expect(heard).toHaveLength(1_000)
  })

  it('answers both queues or none: of what could not be answered in whole nothing is taken', async () => {
    const boss = new PgBoss({ connectionString: database.url, schedule: false })
    const createQueue = boss.createQueue.bind(boss)
    const begun = Promise.withResolvers<void>()
    let fails = true
    boss.createQueue = async (name, options) => {
      if (name === queues.worker && fails) {
        await begun.promise
        throw new Error('no queue today')
      }
      await createQueue(name, options)
    }
    const own = new PgBossQueueService(boss, { logger })
    const doorbell = own.doorbell(queues)
    const ends = listen(doorbell).catch((error: unknown) => error)
    const rings = service().doorbell(queues)
    await rings.ring([runItem('before')])
    await until('the first of them is answered', () => heard.length > 0)
    begun.resolve()
    expect(String(await ends)).toContain('no queue today')

    await rings.ring([runItem('after')])
    await expect(until('it is heard', () => heard.length > 1, 1_500)).rejects.toThrow('not within')
    fails = false
    await listen(doorbell)
    await until('it is heard', () => heard.length > 1)
    await own.close()
    await boss.stop({ graceful: false })
  })

  it('inserts the items of one turn of the event loop in one statement per queue', async () => {
    const doorbell = service().doorbell(queues)
    await doorbell.ring([runItem('first')])
    const items = Array.from({ length: 50 }, (_, i) => runItem(`run-${i}`))
    await Promise.all(items.map((item) => doorbell.ring([item])))
    const rows = await database.sql`select distinct created_on from pgboss.job where data->>'runId' like 'run-%'`
    expect(rows).toHaveLength(1)
  })

  it('A26: tells the other processes with one notification per turn, in a transaction of its own', async () => {
    const doorbell = service().doorbell(queues)
    await doorbell.ring([runItem('warm'), stepItem('warm')])
    const notices: { queues: [string, number][]; visible: Promise<unknown[]> }[] = []
    const { unlisten } = await database.sql.listen('pikku_queue', (payload) => {
      const visible = database.sql`select 1 from pgboss.job where data->>'runId' = 'a'`
      notices.push({ queues: JSON.parse(payload).queues, visible: visible.then((rows) => [...rows]) })
    })
    await Promise.all(Array.from({ length: 20 }, () => doorbell.ring([runItem('a')])))
    await until('it is told', () => notices.length > 0)
    await unlisten()
    expect(notices.map((notice) => notice.queues)).toEqual([[[queues.orchestrator, 0]]])
    expect(await notices[0]?.visible).toHaveLength(20)
  })

  it('drops a doubled ring of a step, but not another attempt or dispatch of it', async () => {
    const doorbell = service().doorbell(queues)
    const keys = [stepItem('r'), stepItem('r', { attempt: 2 }), stepItem('r', { dispatch: 1 })]
    await doorbell.ring([...keys, ...keys])
    await doorbell.ring(keys)
    await listen(doorbell)
    await until('three are heard', () => heard.length >= 3)
    await until('no message is left', async () => (await messagesLeft()) === 0)
    expect(heard).toHaveLength(3)
  })

  it('takes no more than its free slots, and the next as soon as one is free', async () => {
    const release: (() => void)[] = []
    const doorbell = service().doorbell(queues)
    await doorbell.answer({ run: 3, step: 0 }, () => new Promise((resolve) => void release.push(resolve)))
    await doorbell.ring(Array.from({ length: 8 }, (_, i) => runItem(`run-${i}`)))
    await until('three are under way', () => release.length === 3)
    // Five wait in the queue, where any other process can take them.
    expect(await messagesWaiting()).toBe(5)
    release.shift()?.()
    await until('a fourth is under way', () => release.length === 3)
    expect(await messagesWaiting()).toBe(4)
    while (await messagesWaiting()) release.shift()?.()
    for (const resolve of release) resolve()
  })

  it('hands nothing over after stop, and leaves it to the others', async () => {
    const doorbell = service().doorbell(queues)
    const answering = await listen(doorbell)
    await answering.stop()
    await doorbell.ring([runItem('late')])
    expect(await messagesWaiting()).toBe(1)
    expect(heard).toEqual([])
    await listen(service().doorbell(queues))
    await until('another hears it', () => heard.length === 1)
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
    const forged = [
      '{}',
      '[1]',
      'null',
      '"text"',
      '{"kind":"step","runId":"r","step":{"name":"s","ordinal":0},"rpcName":"f","attempt":1,"dispatch":0}',
      '{"kind":"run","runId":7,"workflow":"w"}',
      '{"kind":"run","runId":"r"}',
    ]
    for (const data of forged) {
      await database.sql`insert into pgboss.job (name, data) values (${queues.orchestrator}, ${data}::text::jsonb)`
    }
    await listen(doorbell, { run: 1, step: 0 })
    await until('no message is left', async () => (await messagesLeft()) === 0)
    expect(heard).toEqual([runItem('good')])
    expect(logger.lines.filter((line) => line.includes('is not a work item'))).toHaveLength(forged.length)
  })

  it('one item that the server refuses does not take the others with it', async () => {
    const doorbell = service().doorbell(queues)
    await doorbell.ring([runItem('warm')])
    const rung = await Promise.allSettled(['a', 'b\u0000', 'c'].map((runId) => doorbell.ring([runItem(runId)])))
    expect(rung.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  it('ignores a foreign notification', async () => {
    const doorbell = service().doorbell(queues)
    await listen(doorbell)
    for (const payload of ['', 'x', 'null', '{"from":1}', '{"from":"a","queues":[["orchestrator","5"],7,null]}']) {
      await database.sql`select pg_notify('pikku_queue', ${payload})`
    }
    await doorbell.ring([runItem('a')])
    await until('it is heard', () => heard.length === 1)
  })

  it('refuses one queue for both kinds, and names pg-boss would refuse', () => {
    expect(() => service().doorbell({ orchestrator: 'q', worker: 'q' })).toThrow(/a queue each/)
    expect(() => service().doorbell({ orchestrator: 'a b', worker: 'q' })).toThrow(/not a queue name/)
  })

  it('F44: goes on after every connection was cut, LISTEN included', async () => {
    const [producer, consumer] = [service().doorbell(queues), service().doorbell(queues)]
    await listen(consumer)
    await producer.ring([runItem('before')])
    await until('the first is heard', () => heard.length === 1)
    await cutConnections(database.sql)
    await until('the ring gets through', async () => {
      const rung = await Promise.allSettled([producer.ring([runItem('after')])])
      return rung[0].status === 'fulfilled'
    })
    await until('the second is heard', () => heard.some((item) => item.runId === 'after'))
  })

  async function messagesWaiting(): Promise<number> {
    const [row] = await database.sql`select count(*)::int as count from pgboss.job where state = 'created'`
    return row?.['count']
  }
})

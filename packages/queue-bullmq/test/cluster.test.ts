import { setTimeout as sleep } from 'node:timers/promises'
import { startRedisCluster, type RedisCluster } from '@pikku/tooling/redis-cluster'
import { beginSlotMove } from '@pikku/tooling/redis-slots'
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BullQueueService } from '../src/index.ts'
import { RecordingLogger, runItem, stepItem, succeeds, until } from './support.ts'

const queues = { orchestrator: 'orchestrator', worker: 'step-worker' }

describe('queues on a Redis Cluster', { timeout: 90_000 }, () => {
  let servers: RedisCluster
  let cluster: Cluster
  let masters: Redis[]
  const services: BullQueueService[] = []

  beforeAll(async () => {
    servers = await startRedisCluster()
    cluster = new Cluster([...servers.nodes], { redisOptions: { password: servers.password } })
    masters = servers.masters.map(({ url }) => new Redis(url).on('error', () => undefined)) // one of them dies
  }, 60_000)
  afterAll(async () => {
    await Promise.all(services.map((service) => service.close()))
    for (const client of [cluster, ...masters]) client.disconnect()
    await servers.dispose()
  })

  function service(logger = new RecordingLogger()): BullQueueService {
    const made = new BullQueueService(cluster, { logger })
    services.push(made)
    return made
  }
  async function nodesWithKeys(): Promise<number> {
    const counts = await Promise.all(cluster.nodes('master').map((node) => node.dbsize()))
    return counts.filter((count) => count > 0).length
  }

  it('every operation keeps to one slot, and queues lie on all masters', async () => {
    const first = service()
    const names = Array.from({ length: 12 }, (_, i) => `queue-${i}`)
    for (const name of names) {
      await first.consume(name, { concurrency: 2 }, async (job) => {
        await job.updateProgress('half')
        if (job.attempt === 1) throw new Error('once')
        return job.data
      })
    }
    const other = service()
    for (const name of names) {
      const id = await other.add(name, name, { attempts: 2, delay: 10, priority: 1, jobId: 'a:1' })
      const job = await other.getJob(name, id)
      expect(await job?.waitForCompletion(10_000)).toBe(name)
      expect(await job?.metadata()).toMatchObject({ progress: 'half', attemptsMade: 2, priority: 1 })
    }
    expect(await nodesWithKeys()).toBe(3)
    await first.close()
  })

  it('while the slots of its queues move to other masters no job and no ring is lost, and no job is done twice', async () => {
    const [first, second] = [service(), service()]
    const heard = new Set<string>()
    const done: unknown[] = []
    await second.doorbell(queues).answer({ run: 5, step: 0 }, async (item) => void heard.add(item.runId))
    await second.consume('moving', { concurrency: 3 }, async (job) => void done.push(job.data))
    const doorbell = first.doorbell(queues)
    const adding: Promise<string>[] = []
    const rung = new Set<string>()
    let isOver = false
    const feed = async (): Promise<void> => {
      while (!isOver) {
        const runId = `moved ${adding.length}`
        adding.push(first.add('moving', runId))
        // One that is refused is rung again by a sweep.
        void succeeds(() => doorbell.ring([runItem(runId)])).then((isTaken) => isTaken && rung.add(runId))
        await sleep(5)
      }
    }
    const feeding = feed()
    for (const name of ['moving', queues.orchestrator, 'moving', queues.orchestrator]) {
      const move = await beginSlotMove(`{${name}}`, masters)
      await move.hand(3)
      await sleep(100)
      await move.finish()
      await sleep(200)
    }
    isOver = true
    await feeding
    await Promise.all(adding)
    await until('all jobs are done', () => done.length >= adding.length)
    expect(new Set(done).size).toBe(done.length)
    await until('all rings are heard', () => [...rung].every((runId) => heard.has(runId)))
    expect(rung.size).toBeGreaterThan(adding.length / 2)
    await Promise.all([first.close(), second.close()])
  })

  it('the doorbell and jobs go on when a master dies under load', async () => {
    const logger = new RecordingLogger()
    const [first, second] = [service(logger), service(logger)]
    const heard = new Set<string>()
    const done = new Set<unknown>()
    await second
      .doorbell(queues)
      .answer({ run: 5, step: 5 }, async (item) => void heard.add(`${item.kind} ${item.runId}`))
    const names = Array.from({ length: 6 }, (_, i) => `load-${i}`)
    for (const name of names) await second.consume(name, {}, async (job) => void done.add(job.data))
    const doorbell = first.doorbell(queues)
    const jobs: string[] = []
    for (let i = 0; i < 60; i++) {
      if (i === 20) await servers.masters[0]?.kill()
      const name = names[i % names.length] ?? ''
      const data = `${name} ${i}`
      await until('a job is taken', () => succeeds(() => first.add(name, data, { jobId: data })), 30_000)
      await until('a ring is taken', () => succeeds(() => doorbell.ring([runItem(`${i}`), stepItem(`${i}`)])), 30_000)
      jobs.push(data)
    }
    await until('rings from after the failover are heard', () => heard.has('run 59') && heard.has('step 59'), 30_000)
    await until('jobs from after the failover are done', () => jobs.slice(-12).every((job) => done.has(job)), 40_000)
  })
})

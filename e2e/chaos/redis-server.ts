import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BullQueueService } from '@pikku/queue-bullmq'
import { openRedisStore, RedisWorkflowService } from '@pikku/redis'
import { startFreshRedis, type RedisServer } from '@pikku/tooling/redis'
import { Redis } from 'ioredis'
import { quiet } from './quiet.ts'
import type { ChaosServer, HeldThing, Records, ServerFault, ThingNow } from './server.ts'
import { away, storm, timesFullIn, urlAtPort } from './server-faults.ts'
import type { SmallDisk } from './small-disk.ts'

/** One server alone has one bucket. */
const root = 'workflows:{0}'
const queues = ['pikku-workflow-orchestrator', 'pikku-workflow-step-worker']
const fields = ['owner', 'epoch', 'leaseUntil', 'status', 'endedAt', 'settledAt', 'rungAt', 'againAt', 'dueAt'] as const

/** Redis, with BullMQ on it. `always`: with `everysec` a SIGKILL can take what was answered while the file was being synced. */
export async function openRedis(disk: SmallDisk): Promise<ChaosServer> {
  const server = await startFreshRedis({ settings: { appendfsync: 'always' } })
  return new RedisUnderFire(server, disk)
}

class RedisUnderFire implements ChaosServer {
  readonly title = 'Redis and BullMQ'
  readonly port: number
  readonly folder: string
  readonly noDisk: string | null
  readonly faults: Readonly<Record<string, ServerFault>>
  readonly #server: RedisServer
  readonly #disk: SmallDisk
  readonly #redis: Redis

  constructor(server: RedisServer, disk: SmallDisk) {
    this.#server = server
    this.#disk = disk
    this.port = server.port
    this.folder = path.dirname(server.log)
    this.noDisk = disk.problem
    this.#redis = new Redis(server.url, { maxRetriesPerRequest: 0, retryStrategy: () => 50, enableOfflineQueue: false })
    // An error also rejects the command it concerns.
    this.#redis.on('error', () => {})
    this.faults = this.#makeFaults()
  }

  urlAt(port: number): string {
    return urlAtPort(this.#server.url, port)
  }

  async leasesOf(pid: number): Promise<readonly HeldThing[]> {
    const held = await this.#held((owner) => owner.includes(`:${pid}:`))
    const things = held.map(({ owner, member }): HeldThing => {
      const [, place = '', inStep = '', inRun = ''] = /^(?:step:(\d+):(.*)|run:(.*))$/s.exec(member) ?? []
      return { runId: inStep || inRun, step: place ? { name: '', ordinal: 0, place } : null, owner, epoch: 0 }
    })
    const now = await this.look(things)
    return things.flatMap((thing, index) => {
      const found = now[index]
      return found?.leased && !found.over && found.owner === thing.owner ? [{ ...thing, epoch: found.epoch }] : []
    })
  }

  async look(things: readonly HeldThing[]): Promise<readonly (ThingNow | undefined)[]> {
    if (things.length === 0) return []
    const asked = this.#redis.pipeline()
    for (const { runId, step } of things) {
      asked.hmget(`${root}:${step ? `step:${step.place}:` : 'run:'}${runId}`, ...fields)
      asked.hget(`${root}:run:${runId}`, 'status')
    }
    const answers = ((await asked.exec()) ?? []).map(([error, values]) => {
      if (error) throw error
      return values
    })
    return things.map((_, index) => {
      const thing = toThing(answers[index * 2] as (string | null)[])
      return thing && { ...thing, over: thing.over || answers[index * 2 + 1] === 'suspended' }
    })
  }

  async load(): Promise<{ leases: number; unended: number }> {
    const held = await this.#held(() => true)
    const running = await this.#redis.zcard(`${root}:runs:is:running`)
    const suspended = await this.#redis.zcard(`${root}:runs:is:suspended`)
    return { leases: held.length, unended: running + suspended }
  }

  /** A message is removed as it is handed over. */
  async activeMessages(): Promise<number> {
    const counts = await Promise.all(queues.map((queue) => this.#redis.llen(`bull:{${queue}}:active`)))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /** All but the one that asks. The store that is read from in the end connects after this was asked for the last time. */
  async connections(): Promise<number> {
    const list = String(await this.#redis.client('LIST'))
    return list.trimEnd().split('\n').length - 1
  }

  timesFull(): number {
    return timesFullIn(this.#server.log)
  }

  records(): Records {
    const { url } = this.#server
    const { reader, store } = openRedisStore(url, 'workflows', { leaseMs: 10_000, logger: quiet })
    const service = new RedisWorkflowService(url, new BullQueueService(url), 'workflows')
    const close = async (): Promise<void> => {
      await Promise.all([service.close(), store.close()])
    }
    return { reader, getRun: (runId) => service.getRun(runId), close }
  }

  stop(): Promise<void> {
    return this.#server.stop()
  }

  async dispose(): Promise<void> {
    this.#redis.disconnect()
    await this.#server.dispose()
  }

  async #held(of: (owner: string) => boolean): Promise<{ owner: string; member: string }[]> {
    const owners = (await this.#redis.hkeys(`${root}:owners`)).filter(of)
    const sets = await Promise.all(owners.map((owner) => this.#redis.smembers(`${root}:held:${owner}`)))
    return owners.flatMap((owner, index) => (sets[index] ?? []).map((member) => ({ owner, member })))
  }

  #makeFaults(): Record<string, ServerFault> {
    const start = (): Promise<void> => this.#startAgain()
    const faults: Record<string, ServerFault> = {
      'SIGKILL of the server': away(() => this.#server.kill(), start),
      'restart (clean)': away(() => this.#server.stop(), start),
      'CLIENT KILL storm': storm(() => this.#killClients()),
      'no replica, so no writes': this.#setting('min-replicas-to-write', '1', '0'),
      'full memory': this.#setting('maxmemory', '1mb', '0'),
      'SCRIPT FLUSH': async () => {
        await (await this.#connected()).script('FLUSH')
      },
    }
    if (this.#disk.problem === null) faults['full disk'] = (during) => this.#fullDisk(during)
    return faults
  }

  #setting(name: string, bad: string, good: string): ServerFault {
    return async (during) => {
      await (await this.#connected()).config('SET', name, bad)
      await during()
      await (await this.#connected()).config('SET', name, good)
    }
  }

  async #killClients(): Promise<void> {
    for (const type of ['pubsub', 'normal']) await this.#redis.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')
  }

  /** With `always` it ends when it cannot write what it has done. */
  async #fullDisk(during: () => Promise<void>): Promise<void> {
    this.#disk.fill()
    try {
      await Promise.all([during(), this.#writeMuch()])
    } finally {
      this.#disk.makeRoom()
    }
    await this.#startAgain()
  }

  /** The limit of a tmpfs is not exact: more than it may be off by. */
  async #writeMuch(): Promise<void> {
    try {
      await this.#redis.set('chaos', 'x'.repeat(8 * 2 ** 20), 'EX', 60)
    } catch {
      // It is full.
    }
  }

  async #startAgain(): Promise<void> {
    // One that is just ending of what was done to it still runs, for a moment.
    await this.#server.start().catch(() => this.#server.start())
    await this.#connected()
  }

  async #connected(): Promise<Redis> {
    while (this.#redis.status !== 'ready') await delay(5)
    return this.#redis
  }
}

function toThing(values: readonly (string | null)[]): ThingNow | undefined {
  const row = Object.fromEntries(fields.map((field, index) => [field, values[index] ?? null]))
  if (row['status'] === null) return undefined
  const leased = row['leaseUntil'] !== null
  return {
    owner: row['owner'] ?? null,
    epoch: Number(row['epoch']),
    leased,
    over: row['endedAt'] !== null || row['settledAt'] !== null,
    wanted: row['rungAt'] !== null || row['againAt'] !== null,
  }
}

import { randomUUID } from 'node:crypto'
import { AppProcess } from '@pikku/tooling/app-process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RunNotices, StorePorts } from '@pikku/core/contract'
import { startFreshRedis } from '@pikku/tooling/redis'
import { openRedisStore, RedisWorkflowService } from '../src/index.ts'
import { openRedis, quiet, redisUrl, subscribersOf, until } from './redis-harness.ts'
import type { RedisHarness } from './redis-harness.ts'
import { registryOf } from './support/app.ts'

const program = new URL('support/child.ts', import.meta.url)

let redis: RedisHarness
let closing: (() => Promise<unknown>)[]

beforeEach(async () => {
  redis = await openRedis()
  closing = []
})

afterEach(async () => {
  await Promise.all(closing.map((close) => close()))
  await redis.dispose()
})

interface Ear {
  readonly heard: string[]
  missed: number
  close(): Promise<void>
}

async function listen(notices: RunNotices): Promise<Ear> {
  const ear: Ear = { heard: [], missed: 0, close: async () => undefined }
  const { close } = await notices.subscribe({
    onChanged: (runId) => ear.heard.push(runId),
    onMissed: () => (ear.missed += 1),
  })
  return Object.assign(ear, { close })
}

const listeners = (): Promise<number> => subscribersOf(redis.nodes, `${redis.prefix}:notices`)

async function cutListeners(): Promise<void> {
  await redis.nodes[0]?.call('client', 'kill', 'type', 'pubsub')
}

describe('notices over PUBLISH and SUBSCRIBE', () => {
  it('an own listener hears at once, one of another store soon, each once', async () => {
    const [own, foreign] = [await listen(redis.ports.notices), await listen((await redis.sibling()).notices)]
    const publishing = redis.ports.notices.publish(['a', `it's {odd}, "日本"`])
    expect(own.heard).toEqual(['a', `it's {odd}, "日本"`])
    await publishing
    await redis.ports.notices.publish(['last'])
    await until(() => foreign.heard.includes('last'))
    expect(foreign.heard).toEqual(['a', `it's {odd}, "日本"`, 'last'])
    expect(own.heard).toEqual(['a', `it's {odd}, "日本"`, 'last'])
  })

  it('what one process does, another hears', { timeout: 60_000 }, async () => {
    const ear = await listen(redis.ports.notices)
    const runId = randomUUID()
    const app = new AppProcess(program, {
      name: 'app',
      url: redisUrl(),
      place: redis.prefix,
      leaseMs: 2_000,
      blockMs: 0,
    })
    closing.push(() => app.kill())
    await app.has('ready')
    app.tell({ kind: 'start', workflow: 'inline', input: 'block', runId })
    await until(() => ear.heard.includes(runId), 30_000)
  })

  it('many travel as several messages', async () => {
    const foreign = await listen((await redis.sibling()).notices)
    const runIds = Array.from({ length: 1_000 }, (_, at) => `${at} ${'😀'.repeat(30)}`)
    await redis.ports.notices.publish(runIds)
    await until(() => foreign.heard.length >= runIds.length)
    expect(foreign.heard).toEqual(runIds)
  })

  it('a connection that was cut listens again, and says that something may have been missed', async () => {
    const { notices } = redis.ports
    const ear = await listen(notices)
    expect(notices.live).toBe(true)
    for (let cuts = 0; cuts < 5; cuts += 1) {
      const { missed } = ear
      await cutListeners()
      await until(() => ear.missed > missed)
      expect(notices.live).toBe(true)
    }
    await (await redis.sibling()).notices.publish(['after'])
    await until(() => ear.heard.includes('after'))
    expect(await listeners()).toBe(1)
  })

  it('the connection goes with the last listener, and comes with the next', async () => {
    const [one, other] = [await listen(redis.ports.notices), await listen(redis.ports.notices)]
    expect(await listeners()).toBe(1)
    await one.close()
    expect(await listeners()).toBe(1)
    await other.close()
    await until(async () => (await listeners()) === 0)
    expect(redis.ports.notices.live).toBe(false)
    const again = await listen(redis.ports.notices)
    await (await redis.sibling()).notices.publish(['again'])
    await until(() => again.heard.includes('again'))
  })

  it('messages of others on other channels are no concern of its own', async () => {
    const ear = await listen(redis.ports.notices)
    await redis.nodes[0]?.publish(`${redis.prefix}:other`, 'not json')
    await (await redis.sibling()).notices.publish(['a'])
    await until(() => ear.heard.includes('a'))
    expect(ear.heard).toEqual(['a'])
  })

  it('who may not listen is told once, and polls', async () => {
    await redis.nodes[0]?.call('acl', 'setuser', redis.prefix, 'resetchannels', `&${redis.prefix}:alive:*`)
    const warned: string[] = []
    const logger = { ...quiet, warn: (message: string) => warned.push(message) }
    const { notices, store } = openRedisStore(redis.url, redis.prefix, { leaseMs: 2_000, logger })
    closing.push(() => store.close())
    await listen(notices)
    await listen(notices)
    expect(notices.live).toBe(false)
    expect(warned).toEqual([expect.stringMatching(/subscribe: Redis at .* does not allow .*NOPERM.* polls/s)])
  })
})

describe('while the server is away', () => {
  it('whoever subscribes listens as soon as it is back', { timeout: 40_000 }, async () => {
    const server = await startFreshRedis()
    const open = (): StorePorts => {
      const ports = openRedisStore(server.url, 'workflows', { leaseMs: 2_000, logger: quiet })
      closing.unshift(() => ports.store.close())
      return ports
    }
    const ports = open()
    await ports.admin.migrate()
    await server.kill()
    const ear = await listen(ports.notices)
    expect([ports.notices.live, ear.missed]).toEqual([false, 0])
    await server.start()
    await until(() => ports.notices.live)
    expect(ear.missed).toBe(1)
    await open().notices.publish(['after'])
    await until(() => ear.heard.includes('after'))
    await Promise.all(closing.splice(0).map((close) => close()))
    await server.dispose()
  })
})

describe('a process that only waits', () => {
  it('F44: hears of the end of a run, at once and after its connection was cut', { timeout: 30_000 }, async () => {
    let release: () => void = () => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    const registry = registryOf({ workflows: { slow: ({ workflow }) => workflow.do('a', () => released) } })
    // It would look by itself after ten minutes, did it believe in its notices.
    const timing = { watchPollMs: 600_000 }
    const waiting = new RedisWorkflowService(redis.url, undefined, redis.prefix, { timing })
    const working = new RedisWorkflowService(redis.url, undefined, redis.prefix)
    for (const service of [waiting, working]) {
      closing.push(() => service.close({ graceMs: 0 }))
      service.bind({ workflowService: working, logger: quiet }, registry)
    }
    const runId = randomUUID()
    const started = working.startRun('slow', null, { runId })
    await until(async () => (await redis.ports.reader.getRun(runId)) !== null)
    const waited = waiting.waitForRun(runId)
    await until(async () => (await listeners()) >= 1)
    await cutListeners()
    release()
    expect(await waited).toBeUndefined()
    await started
  })
})

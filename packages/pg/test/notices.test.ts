import { randomUUID } from 'node:crypto'
import { AppProcess } from '@pikku/tooling/app-process'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RunNotices } from '@pikku/core/contract'
import { openPgStore, PgWorkflowService } from '../src/index.ts'
import { openSchema } from '../src/schema.ts'
import { publish } from '../src/sql/publish.ts'
import { databaseUrl, openPg, quiet, until, type PgHarness } from './pg-harness.ts'
import { registryOf } from './support/app.ts'
import { openProxy, type PgProxy } from './support/pg-proxy.ts'

const program = new URL('support/child.ts', import.meta.url)

let proxy: PgProxy
let pg: PgHarness
let closing: (() => Promise<unknown>)[]

beforeEach(async () => {
  proxy = await openProxy(databaseUrl())
  pg = await openPg()
  closing = []
})

afterEach(async () => {
  await Promise.all(closing.map((close) => close()))
  await pg.dispose()
  await proxy.close()
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

/** A store whose connections go through the proxy, and what it said. */
function openProxied(): ReturnType<typeof openPgStore> & { said: string[] } {
  const said: string[] = []
  const logger = { ...quiet, warn: (message: string) => said.push(message) }
  const ports = openPgStore(proxy.url, pg.schema, { leaseMs: 2_000, logger })
  closing.push(() => ports.store.close())
  return { ...ports, said }
}

const listening = `select pid from pg_stat_activity where query = 'listen ' || $1`

async function listeners(): Promise<number[]> {
  const rows = await pg.sql.unsafe(listening, [openSchema(pg.schema).channel])
  return rows.map(({ pid }) => pid as number)
}

async function killListeners(): Promise<number> {
  const pids = await listeners()
  for (const pid of pids) await pg.sql.unsafe('select pg_terminate_backend($1)', [pid])
  return pids.length
}

describe('notices over LISTEN/NOTIFY', () => {
  it('an own listener hears at once, one of another store soon, each once', async () => {
    const [own, foreign] = [await listen(pg.ports.notices), await listen((await pg.sibling()).notices)]
    const publishing = pg.ports.notices.publish(['a', `it's {odd}, "日本"`])
    expect(own.heard).toEqual(['a', `it's {odd}, "日本"`])
    await publishing
    await pg.ports.notices.publish(['last'])
    await until(() => foreign.heard.includes('last'))
    expect(foreign.heard).toEqual(['a', `it's {odd}, "日本"`, 'last'])
    expect(own.heard).toEqual(['a', `it's {odd}, "日本"`, 'last'])
  })

  it('what one process does, another hears', { timeout: 60_000 }, async () => {
    const ear = await listen(pg.ports.notices)
    const runId = randomUUID()
    const app = new AppProcess(program, {
      name: 'app',
      url: databaseUrl(),
      place: pg.schema,
      leaseMs: 2_000,
      blockMs: 0,
    })
    closing.push(() => app.kill())
    await app.has('ready')
    app.tell({ kind: 'start', workflow: 'inline', input: 'block', runId })
    await until(() => ear.heard.includes(runId), 30_000)
  })

  it('more than a notification carries travels as several', async () => {
    const foreign = await listen((await pg.sibling()).notices)
    const runIds = Array.from({ length: 400 }, (_, at) => `${at} ${'😀'.repeat(30)}`)
    await pg.ports.notices.publish(runIds)
    await until(() => foreign.heard.length >= runIds.length)
    expect(foreign.heard).toEqual(runIds)
  })

  it('a connection that was killed listens again, and says that something may have been missed', async () => {
    const { notices } = pg.ports
    const ear = await listen(notices)
    expect(notices.live).toBe(true)
    const missed = ear.missed
    expect(await killListeners()).toBe(1)
    await until(() => ear.missed > missed)
    expect(notices.live).toBe(true)
    await (await pg.sibling()).notices.publish(['after'])
    await until(() => ear.heard.includes('after'))
  })

  it('it listens again after any number of kills, without taking the server for a pooler', async () => {
    const ports = openProxied()
    const ear = await listen(ports.notices)
    for (let kills = 0; kills < 5; kills += 1) {
      await until(async () => (await listeners()).length > 0)
      await killListeners()
    }
    await until(() => ports.notices.live)
    // An echo that was waited for when the connection broke would have been given up by then.
    const since = performance.now()
    await until(() => performance.now() - since > 1_500)
    expect(ports.notices.live).toBe(true)
    expect(ports.said).toEqual([])
    await pg.ports.notices.publish(['after'])
    await until(() => ear.heard.includes('after'))
  })

  it('whoever subscribes while the server is away listens as soon as it is back', { timeout: 40_000 }, async () => {
    const ports = openProxied()
    proxy.refusing = true
    const ear = await listen(ports.notices)
    expect([ports.notices.live, ear.missed]).toEqual([false, 0])
    proxy.refusing = false
    await until(() => ports.notices.live)
    expect(ear.missed).toBe(1)
    expect(ports.said).toEqual([])
  })

  it('the connection goes with the last listener', async () => {
    const [one, other] = [await listen(pg.ports.notices), await listen(pg.ports.notices)]
    expect(await listeners()).toHaveLength(1)
    await one.close()
    expect(await listeners()).toHaveLength(1)
    await other.close()
    await until(async () => (await listeners()).length === 0)
    expect(pg.ports.notices.live).toBe(false)
  })

  it('A27: no echo of its own: not live, and said once', async () => {
    proxy.deaf = true
    const ports = openProxied()
    const ear = await listen(ports.notices)
    expect(ports.notices.live).toBe(false)
    expect(ports.said).toEqual([expect.stringContaining('hears nothing')])
    const asked = proxy.executed.length
    expect(await killListeners()).toBe(1)
    await until(() => proxy.executed.slice(asked).some((text) => text === publish.text))
    const since = performance.now()
    await until(() => performance.now() - since > 1_200)
    expect(ports.said).toHaveLength(1)

    // Own listeners hear all the same, and others hear it.
    const foreign = await listen(pg.ports.notices)
    await ports.notices.publish(['told'])
    expect(ear.heard).toEqual(['told'])
    await until(() => foreign.heard.includes('told'))
  })

  it('once deaf, it listens again soon after a server that was away is back', { timeout: 40_000 }, async () => {
    proxy.deaf = true
    const ports = openProxied()
    await listen(ports.notices)
    expect(ports.said).toHaveLength(1)
    proxy.deaf = false
    const refused = proxy.refused
    proxy.refusing = true
    proxy.cut()
    await until(() => proxy.refused > refused + 3)
    proxy.refusing = false
    await until(() => ports.notices.live, 5_000)
  })

  it('A27: waitForRun resolves where LISTEN hears nothing', { timeout: 30_000 }, async () => {
    proxy.deaf = true
    const registry = registryOf({ workflows: { quick: async ({ workflow }) => workflow.do('a', () => 1) } })
    // It would look by itself after ten minutes, did it believe in its notices.
    const timing = { watchPollMs: 600_000 }
    const waiting = new PgWorkflowService(proxy.url, undefined, pg.schema, { timing })
    const working = new PgWorkflowService(databaseUrl(), undefined, pg.schema)
    for (const service of [waiting, working]) closing.push(() => service.close({ graceMs: 0 }))
    working.bind({ workflowService: working, logger: quiet }, registry)
    // No app's logger is known to the one that only waits.
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    closing.push(async () => warn.mockRestore())
    const runId = randomUUID()
    await pg.ports.store.createRun({ runId, workflow: 'quick', input: '[null]', inputDigest: '', tags: [] })
    const waited = waiting.waitForRun(runId)
    expect((await working.getRun(runId))?.status).toBe('running')
    await working.startRun('quick', null, { runId: randomUUID() })
    expect(await waited).toBe(1)
    expect(warn).toHaveBeenCalledTimes(1)
  })

  it('what others send on the channel counts as missed, and ends no process', async () => {
    const ear = await listen(pg.ports.notices)
    const before = ear.missed
    const { channel } = openSchema(pg.schema)
    const foreign = ['no JSON', 'null', '{"runs":1}', '{"from":"x","runs":[{}]}']
    for (const payload of foreign) await pg.sql.unsafe(`select pg_notify($1, $2)`, [channel, payload])
    await until(() => ear.missed === before + foreign.length)
    await (await pg.sibling()).notices.publish(['after'])
    await until(() => ear.heard.includes('after'))
  })

  it('A26: nothing that writes notifies, and what notifies waits for no disk', async () => {
    const registry = registryOf({
      workflows: {
        mixed: async ({ workflow }) => [await workflow.do('a', () => 1), await workflow.do('b', 'echo', 2)],
      },
      functions: { echo: (_services, data) => data },
    })
    const service = new PgWorkflowService(proxy.url, undefined, pg.schema)
    closing.push(() => service.close({ graceMs: 0 }))
    service.bind({ workflowService: service, logger: quiet }, registry)
    const { runId } = await service.startRun('mixed', null)
    await service.cancelRun(runId)
    await until(() => proxy.executed.includes(publish.text))
    const writes = proxy.executed.filter((text) => /\b(insert|update|delete)\b/i.test(text))
    const notifies = proxy.executed.filter((text) => /\bpg_notify\b|\bnotify\b/i.test(text))
    expect(writes.length).toBeGreaterThan(0)
    expect(writes.filter((text) => notifies.includes(text))).toEqual([])
    expect(notifies).toContain(publish.text)
    expect(publish.text).toContain(`set_config('synchronous_commit', 'off', true)`)
  })
})

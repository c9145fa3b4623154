import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openPgStore } from '../src/index.ts'
import { databaseUrl, openPg, quiet, type PgHarness } from './pg-harness.ts'
import { newRun } from './support/given.ts'
import { openProxy } from './support/pg-proxy.ts'

let pg: PgHarness

beforeEach(async () => {
  pg = await openPg()
})

afterEach(() => pg.dispose())

describe('deleting runs', () => {
  it('runs with much in them are deleted a few at a time: no statement takes longer than one may', async () => {
    const proxy = await openProxy(databaseUrl())
    const { store, admin, reader } = openPgStore(proxy.url, pg.schema, { leaseMs: 8_000, logger: quiet })
    try {
      for (const runId of ['a', 'b', 'c', 'd', 'e']) {
        await store.createRun(newRun(runId))
        await store.cancelRun(runId, 'enough')
      }
      await pg.sql.unsafe(`update "${pg.schema}".workflow_runs set revision = 6000`)
      const statements = () => proxy.executed.filter((text) => text.includes('doomed')).length
      const left = async () => (await reader.listRuns({ limit: 9 })).runs.map(({ runId }) => runId)
      const finishedBefore = Date.now() + 60_000
      expect(await admin.deleteRuns({ finishedBefore, limit: 3 })).toBe(3)
      expect([await left(), statements()]).toEqual([['e', 'd'], 2])
      await pg.sql.unsafe(`update "${pg.schema}".workflow_runs set revision = 600000`)
      expect(await admin.deleteRuns({ finishedBefore, limit: 9 })).toBe(2)
      expect([await left(), statements()]).toEqual([[], 4])
    } finally {
      await store.close()
      await proxy.close()
    }
  })
})

describe('looking at runs', () => {
  it('runs that are looked at in one turn of the event loop come in one answer, large ones a few at a time', async () => {
    const proxy = await openProxy(databaseUrl())
    const { store, reader } = openPgStore(proxy.url, pg.schema, { leaseMs: 8_000, logger: quiet })
    try {
      const small = Array.from({ length: 50 }, (_, i) => `small-${i}`)
      for (const runId of small) await store.createRun(newRun(runId))
      const asked = [...small, 'unknown', 'small-7']
      const statements = () => proxy.executed.filter((text) => text.includes('as asked(run_id, nth)')).length
      const found = await Promise.all(asked.map((runId) => reader.getRun(runId)))
      expect(found.map((run) => run?.runId ?? null)).toEqual([...small, null, 'small-7'])
      expect(statements()).toBe(1)
      const large = ['large-0', 'large-1', 'large-2', 'large-3', 'large-4']
      const input = JSON.stringify(['x'.repeat(700_000)])
      for (const runId of large) await store.createRun({ ...newRun(runId), input })
      const whole = await Promise.all(large.map((runId) => reader.getRun(runId)))
      expect(whole.map((run) => [run?.runId, run?.input.length])).toEqual(large.map((runId) => [runId, input.length]))
      expect(statements()).toBe(4)
    } finally {
      await store.close()
      await proxy.close()
    }
  })
})

describe('listing runs', () => {
  it('pages alike whatever the connection thinks of dates', async () => {
    for (let at = 0; at < 5; at += 1) await pg.ports.store.createRun(newRun(`run-${at}`))
    const url = new URL(databaseUrl())
    url.searchParams.set('datestyle', 'SQL, DMY')
    url.searchParams.set('timezone', 'Asia/Kolkata')
    const { reader, store } = openPgStore(url.href, pg.schema, { leaseMs: 8_000, logger: quiet })
    try {
      const pages: string[][] = []
      let cursor: string | null = null
      do {
        const page: Awaited<ReturnType<typeof reader.listRuns>> = await reader.listRuns({
          limit: 2,
          ...(cursor === null ? {} : { cursor }),
        })
        pages.push(page.runs.map(({ runId }) => runId))
        cursor = page.cursor
      } while (cursor !== null && pages.length < 9)
      expect(pages).toEqual([['run-4', 'run-3'], ['run-2', 'run-1'], ['run-0']])
    } finally {
      await store.close()
    }
  })

  it('takes every instant that a Date can be as a bound', async () => {
    const { store, reader } = pg.ports
    const { run } = await store.createRun(newRun('run'))
    const idsOf = async (query: object) =>
      (await reader.listRuns({ limit: 9, ...query })).runs.map(({ runId }) => runId)
    const [first, last] = [-8.64e15, 8.64e15]
    expect(await idsOf({ createdAfter: first, createdBefore: last })).toEqual(['run'])
    expect(await idsOf({ createdBefore: first })).toEqual([])
    expect(await idsOf({ createdAfter: last })).toEqual([])
    expect(await idsOf({ createdAfter: run.createdAt - 1, createdBefore: run.createdAt + 1 })).toEqual(['run'])
    expect(await idsOf({ createdAfter: run.createdAt })).toEqual([])
    expect(await idsOf({ createdBefore: run.createdAt })).toEqual([])
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openPgStore } from '../src/index.ts'
import { databaseUrl, openPg, quiet, type PgHarness } from './pg-harness.ts'
import { newRun } from './support/given.ts'

let pg: PgHarness

beforeEach(async () => {
  pg = await openPg()
})

afterEach(() => pg.dispose())

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

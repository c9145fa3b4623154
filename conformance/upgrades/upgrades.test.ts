import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { WorkflowService } from '@pikku/core/service'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { halfFinished, registryOf } from './app.ts'
import { catalogueOf, openSql, restoreSchema } from './dump-pg.ts'
import { openRedis, removeKeys, restoreKeys, type Entry } from './dump-redis.ts'
import { openService, silent, type StoreName } from './stores.ts'

const read = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8')
const fresh = (): string => `upgrade_${randomBytes(6).toString('hex')}`

interface Restored {
  readonly name: string
  remove(): Promise<void>
}

const dumps: readonly { what: string; store: StoreName; restore(): Promise<Restored> }[] = [
  {
    what: 'PostgreSQL, of the commit that closed issue 2 (14949af)',
    store: 'pg',
    async restore() {
      const sql = openSql()
      const name = fresh()
      await restoreSchema(sql, name, read('pg-issue-2.sql'))
      return {
        name,
        remove: async () => {
          await sql.unsafe(`drop schema "${name}" cascade`)
          await sql.end()
        },
      }
    },
  },
  {
    what: 'Redis, of layout 1',
    store: 'redis',
    async restore() {
      const redis = openRedis()
      const name = fresh()
      await restoreKeys(redis, name, JSON.parse(read('redis-layout-1.json')) as Entry[])
      return {
        name,
        remove: async () => {
          await removeKeys(redis, name)
          redis.disconnect()
        },
      }
    },
  },
]

describe.each(dumps)('half-finished runs in $what', ({ store, restore }) => {
  let restored: Restored
  let service: WorkflowService

  beforeAll(async () => {
    restored = await restore()
    service = await openService(store, restored.name)
    await service.init()
  })
  afterAll(async () => {
    await service.close()
    await restored.remove()
  })

  test('are there as they were left', async () => {
    for (const [runId, { left, status, workflow }] of Object.entries(halfFinished)) {
      const steps = (await service.listSteps(runId)).map((step) => `${step.stepName} ${step.status}`)
      expect(steps.sort(), runId).toEqual([...left].sort())
      const run = await service.getRun(runId)
      expect(run?.workflow).toBe(workflow)
      const ended = ['completed', 'failed', 'cancelled', 'cancelled from outside'].includes(runId)
      expect(run?.status, runId).toBe(ended ? status : runId === 'diverging' ? 'suspended' : 'running')
    }
  })

  test('F10, F11: end as they should with the code of today, each result recorded once', async () => {
    service.bind({ workflowService: service, logger: silent }, registryOf('heir'))
    for (const [runId, { status, output, message, attempts }] of Object.entries(halfFinished)) {
      // How it ended is told by the run.
      await service.waitForRun(runId, { timeout: '30s' }).catch(() => undefined)
      const run = await service.getRun(runId)
      expect(run, runId).toMatchObject({ status, output })
      if (message !== undefined) expect(run?.error?.message, runId).toBe(message)
      const history = await service.getRunHistory(runId)
      const shown = history.map((one) => `${one.stepName} ${one.attemptCount} ${one.status}`)
      expect(shown.sort(), runId).toEqual([...attempts].sort())
    }
  })
})

test('a schema that was upgraded is the same as one that is made today', async () => {
  const sql = openSql()
  const names = [fresh(), fresh()]
  await restoreSchema(sql, names[0] ?? '', read('pg-issue-2.sql'))
  for (const name of names) {
    const service = await openService('pg', name)
    await service.init()
    await service.close()
  }
  const [upgraded, made] = await Promise.all(names.map((name) => catalogueOf(sql, name)))
  expect(upgraded?.length).toBeGreaterThan(100)
  expect(upgraded).toEqual(made)
  for (const name of names) await sql.unsafe(`drop schema "${name}" cascade`)
  await sql.end()
})

import fc from 'fast-check'
import { defineWorkflow, createRegistry } from '@pikku/core'
import type { WorkflowConfig, WorkflowContext } from '@pikku/core'
import { WorkflowError } from '@pikku/core/contract'
import type { WorkflowService } from '@pikku/core/service'
import { PgWorkflowService } from '@pikku/pg'
import { BullQueueService } from '@pikku/queue-bullmq'
import { RedisWorkflowService } from '@pikku/redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDatabase, type Database } from '../database.ts'
import { impossibleNames, pointedTexts, times, timeout } from './arbitraries.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

const anyPlace = fc.oneof(
  fc.constantFrom(...pointedTexts, ...impossibleNames, 's'.repeat(63), 's'.repeat(64), 'p'.repeat(200), 'é'.repeat(32)),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.anything({ maxDepth: 1 }) as fc.Arbitrary<string>,
)

/** What is tried first, each time. */
function examplesOf(...places: readonly string[]): [string][] {
  return places.map((place) => [place])
}

/** Start a run of two steps there and see it end. */
async function useOnce(service: WorkflowService): Promise<void> {
  const func = defineWorkflow({
    func: async (services) => {
      const { workflow } = services as unknown as { workflow: WorkflowContext }
      return [await workflow.do('a', () => 1), await workflow.do('b', () => 2)]
    },
  }) as WorkflowConfig
  service.bind({ workflowService: service, logger: silent }, createRegistry({ workflows: [{ name: 'w', func }] }))
  const { runId } = await service.startRun('w', null)
  expect(await service.waitForRun(runId, { timeout: '10s' })).toEqual([1, 2])
  expect((await service.listRuns()).runs.map(({ id }) => id)).toEqual([runId])
}

/** A service for this place, or the refusal, which says what is accepted. */
function openOrRefused(open: () => WorkflowService, accepted: RegExp): WorkflowService | null {
  try {
    return open()
  } catch (error) {
    if (!WorkflowError.is(error, 'INVALID_NAME')) throw error
    expect(error.message).toMatch(accepted)
    // On one line, whatever was given, and short.
    expect(error.message).not.toMatch(/[\p{Cc}]/u)
    expect(error.message.length).toBeLessThan(500)
    return null
  }
}

describe('schema names', () => {
  let database: Database

  beforeAll(async () => {
    database = await createDatabase()
  })
  afterAll(() => database?.drop())

  async function schemas(): Promise<string[]> {
    const rows = await database.sql`
      select nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')`
    return rows.map(({ nspname }) => String(nspname))
  }

  test('F52: each is refused, or holds everything and nothing else does', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(anyPlace, async (name) => {
        const service = openOrRefused(
          () => new PgWorkflowService(database.url, undefined, name),
          /a schema name is 1 to 63 bytes/,
        )
        if (service === null) {
          expect(await schemas()).toEqual([])
          return
        }
        try {
          await useOnce(service)
          expect(await schemas()).toEqual([name ?? 'workflows'])
          const tables = await database.sql`select count(*)::int as n from pg_tables where schemaname = 'public'`
          expect(tables[0]?.['n']).toBe(0)
        } finally {
          await service.close()
          for (const schema of await schemas())
            await database.sql.unsafe(`drop schema "${schema.replaceAll('"', '""')}" cascade`)
        }
      }),
      {
        numRuns: 10 * times,
        endOnFailure: true,
        examples: examplesOf(
          "'; drop schema public cascade; --",
          'a"b',
          'x.y',
          'select',
          'pg_\u0085',
          '\0\u009b',
          '\n'.repeat(64),
        ),
      },
    )
  })
})

describe('prefixes', () => {
  const redis = new Redis(process.env['REDIS_URL'] ?? '', { lazyConnect: true })
  const mark = `hostile-${Math.random().toString(36).slice(2)}`
  afterAll(() => redis.quit())

  async function keysWithMark(): Promise<string[]> {
    const found = new Set<string>()
    for await (const keys of redis.scanStream({ match: `*${mark}*`, count: 1_000 })) {
      for (const key of keys as string[]) found.add(key)
    }
    return [...found]
  }

  test('F52: each is refused, or all keys begin with it', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(anyPlace, async (given) => {
        const prefix = typeof given === 'string' ? `${mark}${given}` : given
        const open = () => new RedisWorkflowService(process.env['REDIS_URL'] ?? '', undefined, prefix)
        // What is no string at all is refused, or is the default, which is somebody else's here.
        if (prefix === undefined) return
        const service = openOrRefused(open, /a prefix is 1 to 200 bytes/)
        if (service === null) {
          expect(await keysWithMark()).toEqual([])
          return
        }
        try {
          await useOnce(service)
          const keys = await keysWithMark()
          expect(keys.length).toBeGreaterThan(3)
          expect(keys.filter((key) => !key.startsWith(`${prefix}:`))).toEqual([])
        } finally {
          await service.close()
          const keys = await keysWithMark()
          if (keys.length > 0) await redis.unlink(keys)
        }
      }),
      { numRuns: 10 * times, endOnFailure: true, examples: examplesOf('*', '[a]', '\\', "'", ':') },
    )
  })

  test('of queues likewise', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(anyPlace, async (given) => {
        const prefix = typeof given === 'string' ? `${mark}${given}` : given
        if (prefix === undefined) return
        let queueService: BullQueueService
        try {
          queueService = new BullQueueService(process.env['REDIS_URL'] ?? '', { prefix, logger: silent })
        } catch (error) {
          if (!WorkflowError.is(error, 'INVALID_NAME')) throw error
          expect(error.message).toMatch(/a prefix is 1 to 200 characters/)
          return
        }
        try {
          const id = await queueService.add('mail', { to: 1 })
          expect((await queueService.getJob('mail', id))?.data).toEqual({ to: 1 })
          expect((await keysWithMark()).filter((key) => !key.startsWith(`${prefix}:{mail}:`))).toEqual([])
        } finally {
          await queueService.close()
          const keys = await keysWithMark()
          if (keys.length > 0) await redis.unlink(keys)
        }
      }),
      { numRuns: 10 * times, endOnFailure: true },
    )
  })
})

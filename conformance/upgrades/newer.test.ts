import { randomBytes } from 'node:crypto'
import { createRegistry, defineFunction, defineWorkflow } from '@pikku/core'
import type { FunctionConfig, WorkflowConfig, WorkflowContext } from '@pikku/core'
import type { StorePorts, WorkflowEvent } from '@pikku/core/contract'
import { WorkflowService } from '@pikku/core/service'
import { openPgStore } from '@pikku/pg'
import { openRedisStore } from '@pikku/redis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openSql } from './dump-pg.ts'
import { openRedis, removeKeys } from './dump-redis.ts'
import { serverUrl, silent } from './stores.ts'

interface Taken {
  ports(): StorePorts
  /** A newer version comes, to which this code is too old (99), or not (1). */
  taken(minClient: number): Promise<void>
  /** It is gone again: what this code left is as it was. */
  givenBack(): Promise<void>
}

const options = { leaseMs: 2_000, logger: silent, lookAgainMs: 200 }

const stores: readonly (readonly [string, () => Promise<Taken>])[] = [
  ['PostgreSQL', openPgTaken],
  ['Redis', openRedisTaken],
]

async function openPgTaken(): Promise<Taken> {
  const sql = openSql()
  const schema = `newer_${randomBytes(6).toString('hex')}`
  onTestFinished(async () => {
    await sql.unsafe(`drop schema "${schema}" cascade`)
    await sql.end()
  })
  return {
    ports: () => openPgStore(serverUrl('DATABASE_URL'), schema, options),
    // What a migration that only adds does, and the row that says from which version on one can live with it.
    taken: async (minClient) => {
      await sql.unsafe(`
        insert into "${schema}".workflow_migration (version, name, min_client) values (99, 'newer', ${minClient});
        alter table "${schema}".workflow_runs add column added text not null default 'x';
        alter table "${schema}".workflow_step add column added integer;
        create index on "${schema}".workflow_step (added);
        create table "${schema}".workflow_added (run_id text primary key)`)
    },
    givenBack: async () => void (await sql.unsafe(`delete from "${schema}".workflow_migration where version = 99`)),
  }
}

async function openRedisTaken(): Promise<Taken> {
  const redis = openRedis()
  const prefix = `newer-${randomBytes(6).toString('hex')}`
  onTestFinished(async () => {
    await removeKeys(redis, prefix)
    redis.disconnect()
  })
  return {
    ports: () => openRedisStore(serverUrl('REDIS_URL'), prefix, options),
    // An addition changes no layout: keys and fields that this code does not know.
    taken: async (minClient) => {
      await redis.hset(`${prefix}:meta`, 'version', minClient, 'added', 'x')
      await redis.set(`${prefix}:{0}:added`, 'x')
    },
    givenBack: async () => void (await redis.hset(`${prefix}:meta`, 'version', 1)),
  }
}

/** A process of this version, and what happens in it. */
async function openWorker(taken: Taken) {
  const events: WorkflowEvent[] = []
  const observer = { onEvent: (event: WorkflowEvent) => void events.push(event) }
  const timing = { sweepMs: 50, redispatchAfterMs: 200, deathGraceMs: 100, watchPollMs: 100, leaseMs: 2_000 }
  const service = new WorkflowService(taken.ports(), undefined, { timing, observer })
  onTestFinished(() => service.close({ graceMs: 0 }))
  const gate = Promise.withResolvers<string>()
  let entered = 0
  const held = defineFunction({
    func: () => {
      entered += 1
      return gate.promise
    },
  }) as FunctionConfig
  const body = async ({ workflow }: { workflow: WorkflowContext }): Promise<unknown> => {
    const first = await workflow.do('held', 'held', null)
    await workflow.sleep('nap', 10)
    return [first, await workflow.do('here', () => 'there')]
  }
  const func = defineWorkflow({ func: body as never }) as WorkflowConfig
  service.bind(
    { workflowService: service, logger: silent },
    createRegistry({ functions: { held }, workflows: [{ name: 'order', func }] }),
  )
  await service.init()
  const isRefused = (): boolean =>
    events.some((event) => event.kind === 'trouble' && Reflect.get(Object(event.error), 'code') === 'SCHEMA_TOO_NEW')
  return { service, release: () => gate.resolve('done'), entered: () => entered, isRefused }
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`still not so after 30 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe.each(stores)('a newer version on %s while this one runs', (_name, open) => {
  test('one that this code can live with is not noticed', async () => {
    const taken = await open()
    const old = await openWorker(taken)
    const started = old.service.startRun('order', null, { runId: 'r' })
    await until('its step runs', () => old.entered() === 1)
    await taken.taken(1)
    const later = await openWorker(taken)
    old.release()
    later.release()
    await started
    expect(await later.service.waitForRun('r', { timeout: '30s' })).toEqual(['done', 'there'])
    const { runId } = await later.service.startRun('order', null)
    expect((await old.service.getRun(runId))?.status).toBe('completed')
    expect([old.isRefused(), later.isRefused()]).toEqual([false, false])
  })

  test('one to which it is too old: soon it writes nothing more, and what it held goes on where it was', async () => {
    const taken = await open()
    const old = await openWorker(taken)
    const started = old.service.startRun('order', null, { runId: 'r' })
    started.catch(() => undefined) // It is closed before its run has ended.
    await until('its step runs', () => old.entered() === 1)
    await taken.taken(99)
    await until('it has noticed', old.isRefused)
    for (const ask of [
      () => old.service.startRun('order', null, { runId: 'never' }),
      () => old.service.cancelRun('r'),
      () => old.service.getRun('r'),
    ]) {
      await expect(ask()).rejects.toMatchObject({ code: 'SCHEMA_TOO_NEW' })
    }
    // The step ends, and nobody is told: the result cannot be recorded.
    old.release()
    await old.service.close({ graceMs: 0 })
    await taken.givenBack()
    const heir = await openWorker(taken)
    expect(await heir.service.getRun('never')).toBe(null)
    const before = await heir.service.listSteps('r')
    expect(before.map(({ status }) => status)).not.toContain('succeeded')
    heir.release()
    expect(await heir.service.waitForRun('r', { timeout: '30s' })).toEqual(['done', 'there'])
    expect(heir.entered()).toBe(1)
  })
})

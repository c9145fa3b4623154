import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import net from 'node:net'
import { describe, test } from 'vitest'
import { seededRandom } from '@pikku/core/testing'
import type { NewRun, RunClaim, RunId, StepPlan, StorePorts, Turn, WorkflowStore } from '@pikku/core/contract'
import { openPgStore } from '../src/index.ts'
import { openSchema } from '../src/schema.ts'
import { renewOwned } from '../src/sql/renew-leases.ts'
import { databaseUrl, freshSchema, openPg, openSql, quiet, until } from './pg-harness.ts'

const minute = 60_000
const known = [{ name: 'w', codeHash: 'h' }]
const limit = { max: 5, reason: 'too many' }

function newRun(runId: RunId, over: Partial<NewRun> = {}): NewRun {
  return { runId, workflow: 'w', input: '{}', inputDigest: 'd', tags: [], ...over }
}

async function claim(store: WorkflowStore, runId: RunId, leaseMs = minute): Promise<RunClaim> {
  const claimed = await store.claimRun({ runId, owner: 'o', claimId: randomUUID(), leaseMs, known, after: 0, limit })
  assert.ok(claimed && 'lease' in claimed, `${runId} was claimed`)
  return claimed
}

function turn(number: number, over: Partial<Turn> = {}): Turn {
  return { number, after: 0, codeHash: 'h', schedule: [], record: [], next: { kind: 'hold' }, ...over }
}

function childOf(parent: RunId, name: string): StepPlan & { kind: 'child' } {
  const step = { name, ordinal: 0 }
  const child = newRun(`${name} of ${parent}`, { parent: { runId: parent, step, onEnd: 'cancel' } })
  return { kind: 'child', id: step, askedAfter: 0, child }
}

function rpc(name: string): StepPlan {
  const policy = { retries: 0, retryDelayMs: 0 }
  return { kind: 'rpc', id: { name, ordinal: 0 }, askedAfter: 0, rpcName: 'f', input: '{}', inputDigest: 'd', policy }
}

/** A database of the test's own, whose server counts its deadlocks. */
async function inOwnDatabase(body: (url: string, deadlocks: () => Promise<number>) => Promise<void>): Promise<void> {
  const name = freshSchema()
  const admin = openSql()
  await admin.unsafe(`create database ${name}`)
  const url = new URL(databaseUrl())
  url.pathname = `/${name}`
  try {
    await body(url.href, async () => {
      // Each connection reports its counters when it ends.
      const [row] = await admin.unsafe('select deadlocks::integer from pg_stat_database where datname = $1', [name])
      return row?.['deadlocks'] as number
    })
  } finally {
    await admin.unsafe(`drop database if exists ${name} with (force)`)
    await admin.end()
  }
}

const stepsOfEach = ['a', 'b', 'c', 'd']

/** Runs that all write to each other's parents: settles, commits and ends of children in every order. */
async function storm(stores: readonly StorePorts[], seed: number): Promise<void> {
  const random = seededRandom(seed)
  const pick = (): WorkflowStore => random.pick(stores).store
  const parents = Array.from({ length: 12 }, (_, i) => `parent-${seed}-${i}`)
  await Promise.all(parents.map((runId) => pick().createRun(newRun(runId))))
  const family = await Promise.all(
    parents.map(async (runId) => {
      const { lease } = await claim(pick(), runId)
      const children = stepsOfEach.map((name) => childOf(runId, `child-${name}`))
      await pick().commitRun(lease, turn(1, { schedule: [...stepsOfEach.map(rpc), ...children] }))
      return { lease, children: children.map(({ child }) => child.runId) }
    }),
  )
  const calls: (() => Promise<unknown>)[] = []
  for (const { lease, children } of family) {
    for (const runId of children) {
      calls.push(async () => {
        const child = await claim(pick(), runId)
        await pick().commitRun(child.lease, turn(1, { next: { kind: 'complete', output: '1' } }))
      })
    }
    for (const name of stepsOfEach) {
      calls.push(async () => {
        const ask = {
          runId: lease.runId,
          step: { name, ordinal: 0 },
          owner: 'o',
          claimId: randomUUID(),
          leaseMs: minute,
        }
        const step = await pick().claimStep({ ...ask, known: ['f'], limit })
        assert.ok(step)
        assert.ok(await pick().settleStep(step.lease, { kind: 'succeeded', output: '1', durationMs: 1 }))
      })
    }
    calls.push(async () => {
      for (let number = 2; number < 6; number += 1) await pick().commitRun(lease, turn(number))
    })
  }
  await Promise.all(random.shuffle(calls).map((call) => call()))
  for (const { lease } of family) {
    const steps = await random.pick(stores).reader.listSteps(lease.runId)
    const order = steps.map(({ settledSeq }) => settledSeq)
    assert.equal(
      new Set(order.filter((seq) => seq !== null)).size,
      2 * stepsOfEach.length,
      `seed ${seed}: all settled, each at its own place`,
    )
  }
}

describe('locks', () => {
  test('A11: families and steps of the same runs, over connections with plans of their own: no deadlock', async () => {
    await inOwnDatabase(async (url, deadlocks) => {
      // Prepared statements keep their plans, unprepared ones are planned for each call: the two order rows differently.
      const open = (prepare: boolean): StorePorts => openPgStore(url, 's', { leaseMs: 8_000, logger: quiet, prepare })
      const stores = [true, false, true, false].map(open)
      try {
        for (const seed of [1, 2, 3, Date.now() % 100_000]) await storm(stores, seed)
      } finally {
        await Promise.all(stores.map(({ store }) => store.close()))
      }
      assert.equal(await deadlocks(), 0)
    })
  })

  test('A14: renewals and commits of everybody else go on while one run is locked', async () => {
    const pg = await openPg()
    const { store } = pg.ports
    try {
      const runIds = Array.from({ length: 40 }, (_, i) => `run-${i}`)
      await Promise.all(runIds.map((runId) => store.createRun(newRun(runId))))
      const claims = await Promise.all(runIds.map((runId) => claim(store, runId)))
      const leases = claims.map(({ lease }) => lease)
      const [locked, ...free] = leases
      assert.ok(locked)
      const release = await pg.lockRun?.(locked.runId)
      const started = performance.now()
      let isDone = false
      const waiting = store.commitRun(locked, turn(1)).finally(() => (isDone = true))
      for (let number = 1; number < 4; number += 1)
        await Promise.all(free.map((lease) => store.commitRun(lease, turn(number))))
      const renewed = await store.renewLeases(leases, minute)
      assert.deepEqual([renewed.lost, renewed.busy], [[], [locked]])
      assert.ok(performance.now() - started < 4_000, 'nobody waited')
      assert.equal(isDone, false)
      await release?.()
      assert.equal((await waiting).released, false)
    } finally {
      await pg.dispose()
    }
  })

  test('A14: signals, cancels and releases of other runs go on while one run is locked', async () => {
    const pg = await openPg()
    const { store } = pg.ports
    try {
      for (const runId of ['locked', 'free']) await store.createRun(newRun(runId))
      const signal = (runId: RunId, signalId: string) =>
        store.signalRun({ kind: 'signal', runId, signalId, name: 'go', payload: '1' })
      const { lease } = await claim(store, 'locked')
      await store.commitRun(lease, turn(1, { schedule: [childOf('locked', 'child')] }))
      const release = await pg.lockRun?.('locked')
      const waiting = ['a', 'b', 'c', 'd', 'e'].map((signalId) => signal('locked', signalId))
      const child = store.cancelRun('child of locked', 'enough')
      const started = performance.now()
      assert.equal((await signal('free', 'a')).accepted, true)
      assert.equal((await store.signalRun({ kind: 'resume', runId: 'free' })).accepted, true)
      assert.equal((await store.cancelRun('free', 'enough')).cancelled, true)
      assert.ok(performance.now() - started < 1_000, 'nobody waited')
      assert.equal((await pg.ports.reader.getRun('child of locked'))?.status, 'running', 'not without its parent')
      await release?.()
      assert.ok((await Promise.all(waiting)).every(({ accepted }) => accepted))
      assert.equal((await child).cancelled, true)
      const [step] = await pg.ports.reader.listSteps('locked')
      assert.equal(step?.status, 'failed')
    } finally {
      await pg.dispose()
    }
  })

  test('A12: a claim that waited for its row is not born expired', async () => {
    const pg = await openPg()
    const { store } = pg.ports
    try {
      await store.createRun(newRun('r'))
      const release = await pg.lockRun?.('r')
      const claiming = claim(store, 'r', 1_000)
      await new Promise((resolve) => setTimeout(resolve, 1_300))
      await release?.()
      await claiming
      const [row] = await pg.sql.unsafe(
        `select extract(epoch from lease_until - clock_timestamp())::float8 * 1000 as left from ${pg.schema}.workflow_runs`,
      )
      assert.ok((row?.['left'] as number) > 300, `${row?.['left']} ms left`)
    } finally {
      await pg.dispose()
    }
  })

  test('A15: a reader that froze over a long history does not keep the run from others', async () => {
    const pg = await openPg()
    const { store } = pg.ports
    const valve = await openValve()
    const frozen = openPgStore(valve.url, pg.schema, { leaseMs: 8_000, logger: quiet })
    try {
      await store.createRun(newRun('r'))
      const { lease } = await claim(store, 'r')
      const outcome = { kind: 'succeeded', output: 'x'.repeat(900_000), durationMs: 1 } as const
      for (let number = 1; number <= 12; number += 1) {
        const record = [{ id: { name: `s${number}`, ordinal: 0 }, askedAfter: 0, attempt: 1, outcome }]
        await store.commitRun(lease, turn(number, { record, after: number }))
      }
      await store.commitRun(lease, turn(20, { next: { kind: 'yield', delayMs: 0 } }))
      // Each connection has the statement prepared: from here a claim is one message.
      for (let i = 0; i < 6; i += 1) {
        await frozen.store.createRun(newRun(`other-${i}`))
        await claim(frozen.store, `other-${i}`)
      }
      // The claim is sent, and nothing of its answer is read.
      valve.freeze()
      const asleep = claim(frozen.store, 'r', 1_000).catch((error: unknown) => error)
      await leased(pg, 'r')
      await pg.advance(minute)
      const started = performance.now()
      await claim(store, 'r')
      assert.ok(performance.now() - started < 1_500, 'the row was free')
      valve.thaw()
      await asleep
    } finally {
      valve.thaw()
      await frozen.store.close()
      await valve.close()
      await pg.dispose()
    }
  })

  test('A15: a reader that froze over large inputs does not keep their runs from others', async () => {
    const pg = await openPg()
    const { store } = pg.ports
    const valve = await openValve()
    const frozen = openPgStore(valve.url, pg.schema, { leaseMs: 8_000, logger: quiet })
    const input = JSON.stringify('x'.repeat(400_000))
    const runIds = Array.from({ length: 40 }, (_, i) => `run-${i}`)
    try {
      await Promise.all(runIds.map((runId) => store.createRun(newRun(runId, { input }))))
      for (let i = 0; i < 6; i += 1) {
        await frozen.store.createRun(newRun(`other-${i}`))
        await claim(frozen.store, `other-${i}`)
      }
      valve.freeze()
      const claiming = runIds.map((runId) => claim(frozen.store, runId).catch((error: unknown) => error))
      const created = frozen.store.createRun(newRun('run-0')).catch((error: unknown) => error)
      await until(async () => (await freeOf(pg, runIds)) === runIds.length, 2_000)
      await leased(pg, 'run-39')
      valve.thaw()
      for (const claimed of await Promise.all(claiming)) {
        assert.ok(claimed instanceof Object && 'history' in claimed)
        assert.equal((claimed as RunClaim).history.run.input, input)
      }
      assert.ok(!((await created) instanceof Error), String(await created))
      const known = await Promise.all(runIds.map((runId) => store.createRun(newRun(runId))))
      assert.ok(known.every(({ created: isNew, run }) => !isNew && run.input === input))
    } finally {
      valve.thaw()
      await frozen.store.close()
      await valve.close()
      await pg.dispose()
    }
  })

  test('a renewal stays on its page', async () => {
    const pg = await openPg()
    const { store } = pg.ports
    try {
      const runIds = Array.from({ length: 100 }, (_, i) => `run-${i}`)
      await Promise.all(runIds.map((runId) => store.createRun(newRun(runId, { tags: ['a'] }))))
      await Promise.all(runIds.map((runId) => claim(store, runId)))
      await pg.sql.unsafe(`vacuum ${pg.schema}.workflow_runs`)
      const { text } = renewOwned(openSchema(pg.schema))
      await pg.sql.unsafe('begin')
      await pg.sql.unsafe(text, [JSON.stringify(['o']), 2 * minute, 0])
      const [row] = await pg.sql.unsafe(
        `select pg_stat_get_xact_tuples_updated(c)::integer as updated, pg_stat_get_xact_tuples_hot_updated(c)::integer as hot
         from (select '${pg.schema}.workflow_runs'::regclass as c) as t`,
      )
      await pg.sql.unsafe('rollback')
      assert.equal(row?.['updated'], 100)
      assert.ok(Number(row?.['hot']) > 50, `${row?.['hot']} of 100 stayed on their pages`)
    } finally {
      await pg.dispose()
    }
  })

  test('a sweep that finds nothing locks nothing', async () => {
    const pg = await openPg()
    const { store } = pg.ports
    try {
      for (const owner of ['a', 'b', 'c']) await store.enlist(owner)
      for (let i = 0; i < 3; i += 1) await store.sweep({ limit: 5, redispatchAfterMs: minute, graceMs: minute, known })
      const workers = await pg.sql.unsafe(`select gone_since, xmax::text from ${pg.schema}.workflow_worker`)
      assert.deepEqual(
        [...workers],
        Array.from({ length: 3 }, () => ({ gone_since: null, xmax: '0' })),
      )
    } finally {
      await pg.dispose()
    }
  })

  test('a run that ends hands on a page of its children; the sweep sees to the others at once', async () => {
    const pg = await openPg()
    const { store } = pg.ports
    try {
      await store.createRun(newRun('parent'))
      const { lease } = await claim(store, 'parent')
      const schedule = Array.from({ length: 620 }, (_, i) => childOf('parent', `c${i}`))
      await store.commitRun(lease, turn(1, { schedule }))
      const { wake } = await store.cancelRun('parent', 'enough')
      assert.equal(wake.length, 500)
      for (const item of wake) await store.cancelRun(item.runId, 'parent ended')
      const swept = await store.sweep({ limit: 500, redispatchAfterMs: minute, graceMs: minute, known })
      assert.equal(swept.items.length, 120)
    } finally {
      await pg.dispose()
    }
  })
})

/** How many of them anybody could lock now. */
async function freeOf(pg: Awaited<ReturnType<typeof openPg>>, runIds: readonly RunId[]): Promise<number> {
  const rows = await pg.sql.unsafe(
    `select 1 from ${pg.schema}.workflow_runs where run_id = any ($1) and lease_until is not null for no key update skip locked`,
    [[...runIds]],
  )
  return rows.length
}

async function leased(pg: Awaited<ReturnType<typeof openPg>>, runId: RunId): Promise<void> {
  const end = performance.now() + 5_000
  for (;;) {
    const [row] = await pg.sql.unsafe(
      `select lease_until is not null as held from ${pg.schema}.workflow_runs where run_id = $1`,
      [runId],
    )
    if (row?.['held'] === true) return
    if (performance.now() > end) throw new Error(`${runId} was not leased`)
  }
}

interface Valve {
  readonly url: string
  freeze(): void
  thaw(): void
  close(): Promise<void>
}

/** A way to the server whose client can stop reading, as a process that was stopped does. */
async function openValve(): Promise<Valve> {
  const target = new URL(databaseUrl())
  const sockets = new Set<{ client: net.Socket; server: net.Socket }>()
  const listener = net.createServer((client) => {
    const server = net.connect(Number(target.port || 5432), target.hostname)
    const pair = { client, server }
    sockets.add(pair)
    client.pipe(server)
    server.pipe(client)
    for (const socket of [client, server]) {
      // Either end may break off at any moment; the other one is closed then.
      socket.on('error', () => undefined)
      socket.on('close', () => [client, server].forEach((one) => one.destroy()))
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String((listener.address() as net.AddressInfo).port)
  return {
    url: url.href,
    freeze: () => sockets.forEach(({ client, server }) => server.unpipe(client).pause()),
    thaw: () => sockets.forEach(({ client, server }) => server.unpipe(client).pipe(client)),
    close: async () => {
      for (const { client } of sockets) client.destroy()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}

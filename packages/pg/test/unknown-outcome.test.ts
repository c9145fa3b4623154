import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NextMove, StepPlan, StorePorts } from '@pikku/core/contract'
import { openPgStore } from '../src/index.ts'
import { databaseUrl, freshSchema, openPg, openSql, quiet, until, type PgHarness } from './pg-harness.ts'
import {
  asked,
  claimAsk,
  claimed,
  claimedStep,
  inline,
  newRun,
  rpc,
  stepAsk,
  succeeded,
  sweepAsk,
  turn,
} from './support/given.ts'
import { openProxy, type PgProxy } from './support/pg-proxy.ts'
import { statementNames } from './support/statement-names.ts'
import { rowsOf, withoutDoubles, withoutTime } from './support/tables.ts'

/** What is done in two worlds: in one the answer to `statement` is lost once. */
interface Scenario {
  readonly statement: string
  prepare(ports: StorePorts, runId: string): Promise<() => Promise<unknown>>
  /** What the repetition may answer otherwise. Default: nothing. */
  readonly but?: object
}

let proxy: PgProxy
let clean: PgHarness
let faulty: PgHarness

beforeAll(async () => {
  proxy = await openProxy(databaseUrl())
  clean = await openPg()
  faulty = await openPg({ url: proxy.url })
})

afterAll(async () => {
  await clean.dispose()
  await faulty.dispose()
  await proxy.close()
})

const id = (name: string) => ({ name, ordinal: 0 })
const everyKind = (runId: string): StepPlan[] => {
  const parent = { runId, step: id('child'), onEnd: 'cancel' } as const
  return [
    rpc('rpc'),
    { kind: 'sleep', id: id('sleep'), askedAfter: 0, delayMs: 60_000 },
    { kind: 'suspend', id: id('suspend'), askedAfter: 0 },
    { kind: 'child', id: id('child'), askedAfter: 0, child: newRun(`${runId} child`, { parent }) },
  ]
}

/** A commit of everything there is, which leaves like this. */
const commit = (next: (seen: { wakeSeq: number }) => NextMove): Scenario => ({
  statement: 'commitRun',
  prepare: async ({ store }, runId) => {
    const { lease, history } = await claimed(store, runId)
    const record = [
      inline('inline'),
      { ...inline('tried'), outcome: { kind: 'retry', error: '"e"', delayMs: 5, durationMs: 1 } as const },
    ]
    return () => store.commitRun(lease, turn({ record, schedule: everyKind(runId), next: next(history) }))
  },
})

const endOfChild = (next: NextMove): Scenario => ({
  statement: 'commitRun',
  prepare: async ({ store }, runId) => {
    await asked(store, runId, everyKind(runId))
    const child = await store.claimRun(claimAsk(`${runId} child`))
    if (!child || 'ended' in child) throw new Error('the child could not be claimed')
    return () => store.commitRun(child.lease, turn({ next }))
  },
})

const settle = (outcome: Parameters<StorePorts['store']['settleStep']>[1]): Scenario => ({
  statement: 'settleStep',
  prepare: async ({ store }, runId) => {
    const { lease } = await claimedStep(store, runId, 'a')
    return () => store.settleStep(lease, outcome)
  },
})

const release = (how: { entered: boolean; delayMs: number }): Scenario => ({
  statement: 'releaseStep',
  prepare: async ({ store }, runId) => {
    const { lease } = await claimedStep(store, runId, 'a')
    return () => store.releaseStep(lease, how)
  },
})

const many = Array.from({ length: 20 }, (_, at) => at)

const scenarios: Readonly<Record<string, Scenario>> = {
  createRun: {
    statement: 'createRun',
    prepare:
      async ({ store }, runId) =>
      () =>
        store.createRun(newRun(runId)),
  },
  'createRun, 20 together': {
    statement: 'createRun',
    prepare:
      async ({ store }, runId) =>
      async () => {
        const answers = await Promise.all(many.map((at) => store.createRun(newRun(`${runId} ${at}`))))
        return answers.map(({ run, wake }) => ({ run, wake }))
      },
  },
  claimRun: {
    statement: 'claimRun',
    prepare: async ({ store }, runId) => {
      await store.createRun(newRun(runId))
      return () => store.claimRun(claimAsk(runId))
    },
  },
  'claimRun with a sleep that is due': {
    statement: 'claimRun',
    prepare: async ({ store }, runId) => {
      const { lease } = await claimed(store, runId)
      const schedule = [{ kind: 'sleep', id: id('s'), askedAfter: 0, delayMs: 0 }] as const
      await store.commitRun(lease, turn({ schedule, next: { kind: 'yield', delayMs: 0 } }))
      return () => store.claimRun(claimAsk(runId, { claimId: 'the second' }))
    },
  },
  'commitRun, hold': commit(() => ({ kind: 'hold' })),
  'commitRun, inline steps alone': {
    statement: 'commitRun',
    prepare: async ({ store }, runId) => {
      const { lease } = await claimed(store, runId)
      return () => store.commitRun(lease, turn({ record: [inline('a'), inline('b')] }))
    },
  },
  'commitRun, park': commit(({ wakeSeq }) => ({ kind: 'park', wakeSeq })),
  'commitRun, refused park': commit(({ wakeSeq }) => ({ kind: 'park', wakeSeq: wakeSeq - 1 })),
  'commitRun, yield': commit(() => ({ kind: 'yield', delayMs: 0 })),
  'commitRun, suspend': commit(({ wakeSeq }) => ({ kind: 'suspend', wakeSeq, reason: 'r', codeHash: 'code-1' })),
  'commitRun, complete': commit(() => ({ kind: 'complete', output: '"end"' })),
  'commitRun, fail': commit(() => ({ kind: 'fail', error: '"end"' })),
  'commitRun, cancel': commit(() => ({ kind: 'cancel', reason: 'enough' })),
  'commitRun of a child that completes': endOfChild({ kind: 'complete', output: '"end"' }),
  'commitRun of a child that fails': endOfChild({ kind: 'fail', error: '"end"' }),
  'commitRun, 20 together': {
    statement: 'commitRun',
    prepare: async ({ store }, runId) => {
      const claims = await Promise.all(many.map((at) => claimed(store, `${runId} ${at}`)))
      const next = { kind: 'complete', output: '"end"' } as const
      return () => Promise.all(claims.map(({ lease }) => store.commitRun(lease, turn({ record: [inline('a')], next }))))
    },
  },
  claimStep: {
    statement: 'claimStep',
    prepare: async ({ store }, runId) => {
      await asked(store, runId, [rpc('a')])
      return () => store.claimStep(stepAsk(runId, 'a'))
    },
  },
  'claimStep of a step that was lost': {
    statement: 'claimStep',
    prepare: async ({ store }, runId) => {
      await asked(store, runId, [rpc('a')])
      await store.claimStep(stepAsk(runId, 'a', { leaseMs: 0 }))
      return () => store.claimStep(stepAsk(runId, 'a', { claimId: 'the second' }))
    },
  },
  'settleStep, succeeded': settle(succeeded()),
  'settleStep, failed': settle({ kind: 'failed', error: '"e"', durationMs: 1 }),
  'settleStep, to be retried': settle({ kind: 'retry', error: '"e"', delayMs: 0, durationMs: 1 }),
  'settleStep, to be retried later': settle({ kind: 'retry', error: '"e"', delayMs: 1_000, durationMs: 1 }),
  'settleStep, 20 of one run': {
    statement: 'settleStep',
    prepare: async ({ store }, runId) => {
      await asked(
        store,
        runId,
        many.map((at) => rpc(`step ${at}`)),
      )
      const claims = await Promise.all(many.map((at) => store.claimStep(stepAsk(runId, `step ${at}`))))
      return async () => {
        const settled = claims.map((claim) => (claim ? store.settleStep(claim.lease, succeeded()) : null))
        const answers = await Promise.all(settled)
        // Of a statement sent again, every call rings.
        return { places: answers.map((answer) => answer?.settledSeq), wake: answers.flatMap((answer) => answer?.wake) }
      }
    },
  },
  'releaseStep, entered': release({ entered: true, delayMs: 0 }),
  'releaseStep, not entered': release({ entered: false, delayMs: 0 }),
  'releaseStep, for later': release({ entered: true, delayMs: 1_000 }),
  renewLeases: {
    statement: 'renewLeases',
    prepare: async ({ store }, runId) => {
      const { lease } = await claimed(store, runId)
      return () => store.renewLeases([lease, { ...lease, epoch: lease.epoch + 1 }], 60_000)
    },
  },
  'signalRun, kept': {
    statement: 'signalRun',
    prepare: async ({ store }, runId) => {
      await store.createRun(newRun(runId))
      return () => store.signalRun({ kind: 'signal', runId, signalId: 'one', name: 'paid', payload: '1' })
    },
  },
  'signalRun, to a step that waits': {
    statement: 'signalRun',
    prepare: async ({ store }, runId) => {
      const { lease, history } = await claimed(store, runId)
      const next = { kind: 'suspend', wakeSeq: history.wakeSeq, reason: null } as const
      const schedule = [{ kind: 'suspend', id: id('paid'), askedAfter: 0 }] as const
      await store.commitRun(lease, turn({ schedule, next }))
      return () => store.signalRun({ kind: 'signal', runId, signalId: 'one', name: 'paid', payload: '1' })
    },
  },
  cancelRun: {
    statement: 'cancelRun',
    prepare: async ({ store }, runId) => {
      await asked(store, runId, everyKind(runId))
      return () => store.cancelRun(`${runId} child`, 'enough')
    },
  },
  readChanges: {
    statement: 'readChanges',
    prepare: async ({ store }, runId) => {
      await asked(store, runId, everyKind(runId))
      return () => store.readChanges(runId, 0)
    },
  },
  enlist: {
    statement: 'enlist',
    prepare:
      async ({ store }, runId) =>
      () =>
        store.enlist(runId),
  },
  getRun: {
    statement: 'getRun',
    prepare: async ({ store, reader }, runId) => {
      await store.createRun(newRun(runId))
      return () => reader.getRun(runId)
    },
  },
}

describe('A13: the answer is lost after the statement was applied', () => {
  it.each(Object.entries(scenarios))('%s', async (title, { statement, prepare, but }) => {
    const act = { clean: await prepare(clean.ports, title), faulty: await prepare(faulty.ports, title) }
    const names = statementNames(faulty.schema)
    let lost = false
    void proxy.dropAnswer((text) => names(text) === statement).then(() => (lost = true))

    const [expected, answer] = [await act.clean(), await act.faulty()]

    expect(lost, 'an answer was lost').toBe(true)
    const right = but ? { ...(expected as object), ...but } : expected
    expect(withoutDoubles(withoutTime(answer))).toEqual(withoutDoubles(withoutTime(right)))
    expect(await rowsOf(faulty, title)).toEqual(await rowsOf(clean, title))
  })

  it('a refusal stays a refusal: the lease is lost to another, and its loss is what is told', async () => {
    const { store } = faulty.ports
    const { lease } = await claimed(store, 'fenced')
    await store.commitRun(lease, turn({ next: { kind: 'yield', delayMs: 0 } }))
    await store.claimRun(claimAsk('fenced', { claimId: 'another' }))
    const names = statementNames(faulty.schema)
    const lost = proxy.dropAnswer((text) => names(text) === 'commitRun')
    const late = store.commitRun(lease, turn({ number: 2, record: [inline('late')] }))
    await expect(late).rejects.toMatchObject({ code: 'LEASE_LOST' })
    await lost
    expect((await rowsOf(faulty, 'fenced'))['workflow_step']).toEqual([])
  })

  it('a sweep whose answer is lost finds the same again when their window is over', async () => {
    const { store } = faulty.ports
    const known = [{ name: 'swept', codeHash: 'code-1' }]
    await store.createRun(newRun('swept', { workflow: 'swept' }))
    await faulty.advance(11_000)
    const names = statementNames(faulty.schema)
    const lost = proxy.dropAnswer((text) => names(text) === 'sweep')
    const found = async (): Promise<string[]> =>
      (await store.sweep(sweepAsk({ known }))).items.flatMap((item) => (item.runId === 'swept' ? [item.runId] : []))
    expect(await found()).toEqual([])
    await lost
    await faulty.advance(21_000)
    expect(await found()).toEqual(['swept'])
  })

  it('deleteRuns deletes them once', async () => {
    const { store, admin, reader } = faulty.ports
    await claimed(store, 'doomed')
    await store.cancelRun('doomed', 'enough')
    const names = statementNames(faulty.schema)
    const lost = proxy.dropAnswer((text) => names(text) === 'deleteRuns')
    await admin.deleteRuns({ finishedBefore: Date.now() + 3_600_000, limit: 1_000 })
    await lost
    expect(await reader.getRun('doomed')).toBeNull()
  })

  it('a migration whose answer is lost on first use is applied once', async () => {
    const schema = freshSchema()
    const sql = openSql()
    const { store } = openPgStore(proxy.url, schema, { leaseMs: 8_000, logger: quiet })
    try {
      const lost = proxy.dropAnswer((text) => text.includes(`insert into "${schema}".workflow_migration`))
      expect(await store.createRun(newRun('first'))).toMatchObject({ created: true })
      await lost
      const rows = await sql.unsafe(`select version from "${schema}".workflow_migration order by version`)
      expect(rows.map(({ version }) => version as number)).toEqual([1])
    } finally {
      await store.close()
      await sql.unsafe(`drop schema if exists "${schema}" cascade`)
      await sql.end()
    }
  })

  it('an answer that never comes, on a connection that stays open, counts as lost', { timeout: 30_000 }, async () => {
    const { store } = openPgStore(proxy.url, faulty.schema, { leaseMs: 1_000, logger: quiet })
    try {
      const { lease } = await claimed(store, 'silent')
      const names = statementNames(faulty.schema)
      let silent = false
      void proxy.withholdAnswer((text) => names(text) === 'commitRun').then(() => (silent = true))
      const committing = store.commitRun(lease, turn({ record: [inline('a')] }))
      await until(() => silent)
      expect(await committing).toMatchObject({ released: false, recorded: [{ id: id('a') }] })
      expect((await rowsOf(faulty, 'silent'))['workflow_step']).toHaveLength(1)
    } finally {
      await store.close()
    }
  })
})

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StorePorts, WorkflowStore } from '@pikku/core/contract'
import { PgWorkflowService } from '../src/index.ts'
import { databaseUrl, openPg, quiet, until, type PgHarness } from './pg-harness.ts'
import { registryOf } from './support/app.ts'
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
import { statementNames, tally } from './support/statement-names.ts'

let proxy: PgProxy
let pg: PgHarness
let store: WorkflowStore
let ports: StorePorts
let names: (text: string) => string

beforeAll(async () => {
  proxy = await openProxy(databaseUrl())
  pg = await openPg({ url: proxy.url })
  ports = pg.ports
  store = ports.store
  names = statementNames(pg.schema)
})

afterAll(async () => {
  await pg.dispose()
  await proxy.close()
})

const executed = (): string[] => proxy.executed.map(names)

/** What `act` costs once its statements are prepared on every connection it may travel on. */
async function costOf(
  prepare: () => Promise<() => Promise<unknown>>,
): Promise<{ statements: string[]; roundTrips: number }> {
  for (let tries = 0; tries < 12; tries += 1) {
    const act = await prepare()
    proxy.forget()
    await act()
    // Two connections take turns: one that has never seen the statement may be next.
    if (proxy.parsed === 0 && tries >= 3) break
  }
  expect(proxy.parsed, 'statements prepared after warm-up').toBe(0)
  return { statements: executed(), roundTrips: proxy.roundTrips }
}

const fresh = (): string => randomUUID()

const operations: Readonly<Record<string, () => Promise<() => Promise<unknown>>>> = {
  createRun: async () => () => store.createRun(newRun(fresh())),
  claimRun: async () => {
    const runId = fresh()
    await store.createRun(newRun(runId))
    return () => store.claimRun(claimAsk(runId))
  },
  commitRun: async () => {
    const { lease } = await claimed(store, fresh())
    const schedule = [
      rpc('a'),
      { kind: 'sleep', id: { name: 's', ordinal: 0 }, askedAfter: 0, delayMs: 1_000 } as const,
    ]
    return () => store.commitRun(lease, turn({ record: [inline('b'), inline('c')], schedule }))
  },
  readChanges: async () => {
    const runId = fresh()
    await asked(store, runId, [rpc('a')])
    return () => store.readChanges(runId, 0)
  },
  claimStep: async () => {
    const runId = fresh()
    await asked(store, runId, [rpc('a')])
    return () => store.claimStep(stepAsk(runId, 'a'))
  },
  settleStep: async () => {
    const { lease } = await claimedStep(store, fresh(), 'a')
    return () => store.settleStep(lease, succeeded())
  },
  releaseStep: async () => {
    const { lease } = await claimedStep(store, fresh(), 'a')
    return () => store.releaseStep(lease, { entered: false, delayMs: 0 })
  },
  renewLeases: async () => {
    const claims = await Promise.all(Array.from({ length: 20 }, () => claimed(store, fresh())))
    return () =>
      store.renewLeases(
        claims.map(({ lease }) => lease),
        60_000,
      )
  },
  signalRun: async () => {
    const runId = fresh()
    await store.createRun(newRun(runId))
    return () => store.signalRun({ kind: 'signal', runId, signalId: fresh(), name: 'paid', payload: '1' })
  },
  resumeRun: async () => {
    const runId = fresh()
    await store.createRun(newRun(runId))
    return () => store.signalRun({ kind: 'resume', runId })
  },
  cancelRun: async () => {
    const runId = fresh()
    await store.createRun(newRun(runId))
    return () => store.cancelRun(runId, 'enough')
  },
  sweep: async () => () => store.sweep(sweepAsk()),
  publish: async () => () => ports.notices.publish(Array.from({ length: 30 }, fresh)),
  getRun: async () => () => ports.reader.getRun(fresh()),
  listSteps: async () => () => ports.reader.listSteps(fresh()),
  listAttempts: async () => () => ports.reader.listAttempts(fresh()),
  listRuns: async () => () => ports.reader.listRuns({ limit: 50 }),
  deleteRuns: async () => () => ports.admin.deleteRuns({ finishedBefore: 0, limit: 10 }),
}

describe('statements and round trips on the wire', () => {
  it.each(Object.entries(operations))('%s: one statement, one round trip', async (name, prepare) => {
    expect(await costOf(prepare)).toEqual({ statements: [name], roundTrips: 1 })
  })

  it('a commit of a run that somebody has locked is looked into, then waits by itself: three', async () => {
    const runId = fresh()
    const { lease } = await claimed(store, runId)
    const unlock = await pg.lockRun?.(runId)
    proxy.forget()
    const committed = store.commitRun(lease, turn({ record: [inline('a')] }))
    await until(() => executed().includes('commitRun, waiting'))
    await unlock?.()
    await committed
    expect(tally(executed())).toEqual({ commitRun: 2, 'commitRun, waiting': 1 })
  })

  it('a claim of a history larger than an answer that holds locks reads the rest by itself', async () => {
    const runId = fresh()
    const { lease } = await claimed(store, runId)
    const record = Array.from({ length: 20 }, (_, at) => inline(`s${at}`, `"${'x'.repeat(20_000)}"`))
    await store.commitRun(lease, turn({ record, next: { kind: 'yield', delayMs: 0 } }))
    proxy.forget()
    const claim = await store.claimRun(claimAsk(runId, { claimId: fresh() }))
    expect(tally(executed())).toEqual({ claimRun: 1 })
    expect(claim).toMatchObject({ history: { more: true } })
    const { steps, more } = await store.readChanges(runId, 0)
    expect([steps.length, more]).toEqual([20, false])
    expect(tally(executed())).toEqual({ claimRun: 1, readChanges: 1 })
  })

  it('50 concurrent commits of 50 runs travel together', async () => {
    const claims = await Promise.all(Array.from({ length: 50 }, () => claimed(store, fresh())))
    proxy.forget()
    const commits = claims.map(({ lease }) => store.commitRun(lease, turn({ record: [inline('a')] })))
    expect((await Promise.all(commits)).every(({ released }) => !released)).toBe(true)
    console.log(`50 concurrent commits: ${executed().length} statements`)
    expect(tally(executed())).toEqual({ commitRun: executed().length })
    expect(executed().length).toBeLessThanOrEqual(3)
  })

  it('A10: a commit that cannot be kept does not touch the other 49', async () => {
    const claims = await Promise.all(Array.from({ length: 50 }, () => claimed(store, fresh())))
    proxy.forget()
    const commits = await Promise.allSettled(
      claims.map(({ lease }, at) =>
        store.commitRun(lease, turn({ record: [inline('a', at === 17 ? '"\0"' : '"kept"')] })),
      ),
    )
    const refused = commits.flatMap(({ status }, at) => (status === 'rejected' ? [at] : []))
    expect(refused).toEqual([17])
    const outputs = await Promise.all(
      claims.map(async ({ lease }) => (await ports.reader.listSteps(lease.runId)).map(({ output }) => output)),
    )
    expect(outputs.filter(([output]) => output === '"kept"')).toHaveLength(49)
    expect(outputs[17]).toEqual([])
    console.log(
      `50 concurrent commits, one of them poisoned: ${executed().filter((name) => name === 'commitRun').length} statements`,
    )
  })
})

describe('what a run costs through the service', () => {
  let service: PgWorkflowService
  let own: PgHarness

  const repeat = async (times: number, act: (at: number) => Promise<unknown>): Promise<string> => {
    for (let at = 0; at < times; at += 1) await act(at)
    return 'done'
  }
  const registry = registryOf({
    workflows: {
      inline: ({ workflow }, steps) => repeat(Number(steps), (at) => workflow.do(`step ${at}`, () => at)),
      rpc: ({ workflow }, steps) => repeat(Number(steps), (at) => workflow.do(`step ${at}`, 'echo', at)),
      parallel: async ({ workflow }, steps) => {
        const all = Array.from({ length: Number(steps) }, (_, at) => workflow.do(`step ${at}`, 'echo', at))
        return (await Promise.all(all)).length
      },
    },
    functions: { echo: (_services, data) => data },
  })

  beforeAll(async () => {
    // A schema of its own: the runs of the tests above would keep its sweep busy.
    own = await openPg({ url: proxy.url })
    names = statementNames(own.schema)
    service = new PgWorkflowService(proxy.url, undefined, own.schema)
    service.bind({ workflowService: service, logger: quiet }, registry)
    // Starting inline mode takes statements of its own: over with the first run that ends.
    await service.startRun('inline', 1)
  })
  afterAll(async () => {
    await service.close({ graceMs: 0 })
    await own.dispose()
  })

  /** The statements of one run: those that every process sends by the clock are none of them. */
  const ofRun = async (workflow: string, steps: number): Promise<Record<string, number>> => {
    proxy.forget()
    const { runId } = await service.startRun(workflow, steps)
    const statements = executed().filter((name) => !['sweep', 'renewLeases', 'publish', 'getRun'].includes(name))
    expect((await service.getRun(runId))?.status).toBe('completed')
    return tally(statements)
  }

  /** As many as expected, and one or two more: who meets a renewal of its run's lease waits for it and is sent again. */
  const expectCounts = (found: Record<string, number>, expected: Record<string, number>): void => {
    for (const [name, count] of Object.entries(expected)) {
      expect(found[name], name).toBeGreaterThanOrEqual(count)
      expect(found[name], name).toBeLessThanOrEqual(count + 2)
    }
  }

  it('an inline step costs one statement', async () => {
    const [one, eleven] = [await ofRun('inline', 1), await ofRun('inline', 11)]
    console.log('a run of 1 inline step:', one, '\na run of 11 inline steps:', eleven)
    expectCounts(one, { createRun: 1, claimRun: 1, commitRun: 2 })
    expectCounts(eleven, { createRun: 1, claimRun: 1, commitRun: 12 })
  })

  it('an rpc step costs a commit, a claim and a settle, and its run a claim', async () => {
    const [one, eleven] = [await ofRun('rpc', 1), await ofRun('rpc', 11)]
    console.log('a run of 1 rpc step:', one, '\na run of 11 rpc steps:', eleven)
    expectCounts(one, { createRun: 1, claimRun: 2, commitRun: 2, claimStep: 1, settleStep: 1 })
    expectCounts(eleven, { createRun: 1, claimRun: 12, commitRun: 12, claimStep: 11, settleStep: 11 })
  })

  it('parallel rpc steps travel together', async () => {
    const eleven = await ofRun('parallel', 11)
    console.log('a run of 11 parallel rpc steps:', eleven)
    expect(eleven['claimStep']).toBeLessThanOrEqual(3)
    expect(eleven['settleStep']).toBeLessThanOrEqual(3)
  })

  it('an idle worker sweeps about once a second and asks nothing else', async () => {
    proxy.forget()
    const since = performance.now()
    await until(() => performance.now() - since > 5_000)
    const seconds = (performance.now() - since) / 1000
    console.log(`idle for ${seconds.toFixed(1)} s:`, tally(executed()))
    // A sweep a second, up to a tenth earlier, and what the last run had still to tell.
    expect(executed().length).toBeLessThanOrEqual(Math.ceil(seconds * 1.12) + 2)
  })
})

import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Lease, RunClaim, RunId, StepOutcome, StepPlan, StorePorts, Turn } from '@pikku/core/contract'
import { startFreshRedis } from '@pikku/tooling/redis'
import type { RedisServer } from '@pikku/tooling/redis'
import { openLink } from '../src/open-link.ts'
import { RedisAdmin } from '../src/redis-admin.ts'
import { RedisNotices } from '../src/redis-notices.ts'
import { RedisReader } from '../src/redis-reader.ts'
import { RedisWorkflowStore } from '../src/redis-workflow-store.ts'
import { scripts } from '../src/scripts.gen.ts'
import { quiet, subscribersOf, until } from './redis-harness.ts'

/** The server notes what takes longer (µs). */
const slowUs = 2_000
const sleepers = 100_000
const steps = 10_000
const prefix = 'pikku-slowlog'
const hour = 3_600_000
const known = [{ name: 'order', codeHash: 'code-1' }]
const limit = { max: 3, reason: 'too many' }

/**
 * Who runs for longer than that holds up everybody. On a busy machine the server is put aside for some ms now and then,
 * whatever it does: what is slow by itself is slow in each round, and one call in five at least.
 */
describe(`no script takes more than 2 ms, with ${sleepers} sleeping runs and runs of ${steps} steps`, () => {
  let server: RedisServer
  let redis: Redis
  let ports: StorePorts
  let offset = 0
  const stores: StorePorts[] = []
  const large = { claimed: 'large-0', swept: 'large-1', ended: ['large-2', 'large-3', 'large-4', 'large-5'] }

  const called = new Map<string, number>()
  const open = (): StorePorts => {
    const link = openLink(server.url, prefix, { leaseMs: 30_000, logger: quiet, clockOffsetMs: () => offset })
    const call = link.call.bind(link)
    link.call = (script, bucket, args) => {
      called.set(script, (called.get(script) ?? 0) + 1)
      return call(script, bucket, args)
    }
    const store = new RedisWorkflowStore(link, () => link.close())
    const notices = new RedisNotices(link)
    const opened = { store, reader: new RedisReader(link), admin: new RedisAdmin(link), notices }
    stores.push(opened)
    return opened
  }

  /** Does it again, a few times, until no script was slow in every round; `round` counts from 0. */
  async function isQuick(act: (round: number) => Promise<unknown>, rounds = 10): Promise<void> {
    const told: string[] = []
    let suspects: readonly string[] | undefined
    for (let round = 0; round < rounds; round += 1) {
      await redis.call('slowlog', 'reset')
      called.clear()
      await act(round)
      const noted = await slowScripts()
      const slow = [...noted].filter(([script, { length }]) => length * 5 >= (called.get(script) ?? 0))
      suspects = slow.map(([script]) => script).filter((script) => suspects?.includes(script) ?? true)
      if (suspects.length === 0) return
      told.push(slow.map(([script, us]) => `${script} of ${called.get(script)} calls: ${us.join(', ')} µs`).join('; '))
    }
    expect.fail(`slow each time:\n${told.join('\n')}`)
  }

  /** What the server noted, by script (µs). */
  async function slowScripts(): Promise<ReadonlyMap<string, readonly number[]>> {
    const entries = (await redis.call('slowlog', 'get', -1)) as [number, number, number, string[]][]
    const noted = new Map<string, number[]>()
    for (const [, , us, [command = '', sha = '']] of entries) {
      // A text that the server compiles first is sent once, by EVAL.
      if (command.toLowerCase() !== 'evalsha') continue
      const name = Object.entries(scripts).find(([, script]) => script.sha === sha)?.[0] ?? sha
      noted.set(name, [...(noted.get(name) ?? []), us])
    }
    return noted
  }

  async function claim(runId: RunId, over: { after?: number; owner?: string } = {}): Promise<RunClaim> {
    const ask = { runId, owner: 'worker', claimId: crypto.randomUUID(), leaseMs: 100 * hour, known, after: 0, limit }
    const answer = await ports.store.claimRun({ ...ask, ...over })
    if (!answer || 'ended' in answer) throw new Error(`${runId} was not claimed`)
    return answer
  }

  async function claimStep(runId: RunId, name: string): Promise<Lease> {
    const ask = {
      runId,
      step: { name, ordinal: 0 },
      owner: 'worker',
      claimId: crypto.randomUUID(),
      leaseMs: 100 * hour,
    }
    const answer = await ports.store.claimStep({ ...ask, known: ['work'], limit })
    if (!answer) throw new Error(`${name} of ${runId} was not claimed`)
    return answer.lease
  }

  async function commit({ lease, history }: RunClaim, over: Partial<Turn>): Promise<void> {
    const turn = { number: 1, after: history.revision, codeHash: 'code-1', schedule: [], record: [] }
    await ports.store.commitRun(lease, { ...turn, next: { kind: 'park', wakeSeq: history.wakeSeq }, ...over })
  }

  const sweep = (count: number, by = ports) =>
    by.store.sweep({ limit: count, redispatchAfterMs: 5_000, graceMs: 1_000, known })

  async function startSleeper(runId: RunId): Promise<void> {
    await ports.store.createRun({ runId, workflow: 'order', input: '1', inputDigest: '', tags: ['a', 'b'] })
    const sleep = { kind: 'sleep', id: { name: 'sleep', ordinal: 0 }, askedAfter: 0, delayMs: 10 * hour } as const
    await commit(await claim(runId), { schedule: [sleep] })
  }

  const rpc = (at: number): StepPlan => {
    const asked = { kind: 'rpc', id: { name: `s${at}`, ordinal: 0 }, askedAfter: 0, rpcName: 'work' } as const
    return { ...asked, input: '"x"', inputDigest: '', policy: { retries: 3, retryDelayMs: 0 } }
  }

  const turnSteps = 500
  async function startLarge(runId: RunId): Promise<RunClaim> {
    await ports.store.createRun({ runId, workflow: 'order', input: '1', inputDigest: '', tags: [] })
    const claimed = await claim(runId)
    for (let first = 0; first < steps; first += turnSteps) {
      const schedule = Array.from({ length: turnSteps }, (_, i) => rpc(first + i))
      const number = first / turnSteps + 1
      await commit(claimed, { number, schedule, after: 1e9, next: { kind: 'hold' } })
    }
    return claimed
  }

  beforeAll(async () => {
    const settings = { 'slowlog-log-slower-than': `${slowUs}`, 'slowlog-max-len': '100000', appendonly: 'no' }
    server = await startFreshRedis({ settings })
    redis = new Redis(server.url)
    ports = open()
    let started = 0
    const lane = async (): Promise<void> => {
      while (started < sleepers) await startSleeper(`sleeper-${(started += 1)}`)
    }
    await Promise.all(Array.from({ length: 200 }, lane))
    for (const runId of [large.claimed, large.swept, ...large.ended]) {
      const claimed = await startLarge(runId)
      await commit(claimed, { number: steps / turnSteps + 1, after: 1e9 })
    }
  }, 240_000)

  afterAll(async () => {
    for (const { store } of stores) await store.close()
    redis.disconnect()
    await server.dispose()
  })

  test('a run is started, claimed, parked and woken', async () => {
    await isQuick(async (round) => {
      const runId = `new-${round}`
      await startSleeper(runId)
      await ports.store.signalRun({ kind: 'signal', runId, signalId: '1', name: 'go', payload: '""' })
      await ports.store.signalRun({ kind: 'resume', runId })
    })
  })

  test('a large run is claimed, read and gets more steps', async () => {
    await isQuick(async (round) => {
      const claimed = await claim(large.claimed)
      const more = await ports.store.readChanges(large.claimed, claimed.history.revision)
      expect(more.steps.length).toBeGreaterThan(0)
      const schedule = Array.from({ length: 64 }, (_, i) => rpc(steps + round * 64 + i))
      await commit(claimed, { schedule, after: 0, next: { kind: 'hold' } })
      await commit(claimed, { number: 2, after: 0, next: { kind: 'yield', delayMs: hour } })
    })
  })

  test('a turn that recorded two hundred large inline steps is answered without them', async () => {
    const output = JSON.stringify('x'.repeat(50_000))
    await isQuick(async (round) => {
      const runId = `inline-${round}`
      await ports.store.createRun({ runId, workflow: 'order', input: '1', inputDigest: '', tags: [] })
      const record = Array.from({ length: 200 }, (_, i) => {
        const asked = { id: { name: `i${i}`, ordinal: 0 }, askedAfter: 0, attempt: 1 }
        return { ...asked, outcome: { kind: 'succeeded', output, durationMs: 1 } } as const
      })
      await commit(await claim(runId), { record, next: { kind: 'hold' } })
      await ports.store.cancelRun(runId, 'enough')
    })
  })

  test('steps of a large run are claimed, settled, retried and given back', async () => {
    const outcomes: StepOutcome[] = [
      { kind: 'succeeded', output: '"ok"', durationMs: 1 },
      { kind: 'failed', error: '"no"', durationMs: 1 },
      { kind: 'retry', error: '"no"', delayMs: 0, durationMs: 1 },
      { kind: 'retry', error: '"no"', delayMs: hour, durationMs: 1 },
    ]
    await isQuick(async (round) => {
      for (const [i, outcome] of outcomes.entries()) {
        await ports.store.settleStep(await claimStep(large.claimed, `s${round * 10 + i}`), outcome)
      }
      await ports.store.releaseStep(await claimStep(large.claimed, `s${round * 10 + 4}`), { entered: true, delayMs: 0 })
    })
  })

  test('two hundred leases are renewed', async () => {
    const leases: Lease[] = []
    for (let i = 0; i < 100; i += 1) {
      leases.push((await claim(`sleeper-${sleepers - i}`)).lease, await claimStep(large.claimed, `s${5_000 + i}`))
    }
    await isQuick(async () => {
      expect(await ports.store.renewLeases(leases, 100 * hour)).toEqual({ lost: [], busy: [], woken: [] })
    })
  })

  test('a sweep finds nothing', async () => {
    await isQuick(async () => {
      // Long before anything is rung again, however long it took to get here.
      const { items } = await ports.store.sweep({ limit: 100, redispatchAfterMs: hour, graceMs: 1_000, known })
      expect(items).toEqual([])
    })
  })

  test('a sweep ends the leases of a dead owner', async () => {
    let next = 1
    await isQuick(async (round) => {
      const owner = `doomed-${round}`
      const doomed = open()
      await doomed.store.enlist(owner)
      for (let i = 0; i < 100; i += 1) await claim(`sleeper-${(next += 1)}`, { owner })
      await doomed.store.close()
      await until(async () => (await subscribersOf([redis], `${prefix}:alive:${owner}`)) === 0)
      await sweep(100)
      offset += 2_000
      const { items } = await sweep(100)
      expect(items.length).toBeGreaterThanOrEqual(100)
    })
  })

  test('a sweep rings steps and runs that nobody claimed', async () => {
    offset += 60_000
    await isQuick(async () => {
      const { items } = await sweep(100)
      expect(items.filter(({ kind }) => kind === 'step').length).toBe(100)
    })
  })

  test('a large run ends, and a sweep clears away what it leaves', async () => {
    await isQuick(async (round) => {
      const { cancelled } = await ports.store.cancelRun(large.ended[round] ?? '', 'enough')
      expect(cancelled).toBe(true)
    }, large.ended.length)
    for (const runId of large.ended) await ports.store.cancelRun(runId, 'enough')
    offset += 60_000
    await isQuick(() => sweep(100))
  })

  test('a sweep finds all sleepers due at once', async () => {
    offset += 11 * hour
    await isQuick(async () => {
      const { items, full } = await sweep(100)
      expect(items.filter(({ kind }) => kind === 'run').length).toBeGreaterThanOrEqual(100)
      expect(full).toBe(true)
    })
  })

  test('runs are listed, and a large one is deleted', async () => {
    await isQuick(async () => {
      const { runs } = await ports.reader.listRuns({ limit: 100, tags: ['a', 'b'] })
      expect(runs.length).toBe(100)
    })
    await isQuick(async () => {
      expect(await ports.admin.deleteRuns({ finishedBefore: Date.now() + 1_000 * hour, limit: 1 })).toBe(1)
    }, large.ended.length)
  })
})

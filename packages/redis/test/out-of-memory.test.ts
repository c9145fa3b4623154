import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import type { Lease, RunClaim, RunId, StepPlan, Turn } from '@pikku/core/contract'
import { startFreshRedis } from '@pikku/tooling/redis'
import type { RedisLink, Reply } from '../src/connection.ts'
import { openLink } from '../src/open-link.ts'
import { RedisAdmin } from '../src/redis-admin.ts'
import { RedisWorkflowStore } from '../src/redis-workflow-store.ts'
import { scripts } from '../src/scripts.gen.ts'
import { quiet } from './redis-harness.ts'

const prefix = 'pikku-oom'
const known = [{ name: 'order', codeHash: 'code-1' }]
const limit = { max: 3, reason: 'too many' }

/** Everything that is kept, as text. */
async function contentsOf(redis: Redis): Promise<string> {
  const keys = (await redis.keys(`${prefix}:*`)).sort()
  const dumps = await Promise.all(keys.map((key) => redis.dump(key)))
  return JSON.stringify(keys.map((key, at) => [key, dumps[at]]))
}

/** Of the only call of a script that takes several; undefined when it was refused. */
function answerOf([answer]: readonly (Reply | Error)[]): Reply | undefined {
  if (!(answer instanceof Error)) return answer
  if (!answer.message.includes('OOM')) throw answer
  return undefined
}

/** Each call is made on a full server first: one that is refused must have left everything as it was, and is made again. */
function refuseFirst(link: RedisLink, { redis, said }: { redis: Redis; said: Map<string, string[]> }): void {
  const call = link.call.bind(link)
  const onFull = async (text: string, args: readonly (string | number)[]): Promise<Reply | undefined> => {
    await redis.config('SET', 'maxmemory', '1')
    try {
      return (await redis.call('eval', text, ...args)) as Reply
    } catch (error) {
      if (!String(error).includes('OOM')) throw error
      return undefined
    } finally {
      await redis.config('SET', 'maxmemory', '0')
    }
  }
  link.call = async (script, bucket, args) => {
    const before = await contentsOf(redis)
    const { text, takesCalls } = scripts[script]
    const given = takesCalls ? [args.length, ...args] : args
    const reply = await onFull(text, [1, bucket.root, link.options.clockOffsetMs?.() ?? 0, ...given])
    const answer = takesCalls && Array.isArray(reply) ? answerOf(reply as readonly (Reply | Error)[]) : reply
    // It reads only, or begins with something that frees memory.
    if (answer !== undefined) return answer
    said.set(script, [...(said.get(script) ?? []), before === (await contentsOf(redis)) ? 'whole' : 'half'])
    return call(script, bucket, args)
  }
}

test('a server without memory refuses a script before its first write; what was kept is gone when its runs are deleted', async () => {
  const server = await startFreshRedis({ settings: { appendonly: 'no' } })
  const redis = new Redis(server.url)
  const said = new Map<string, string[]>()
  let offset = 0
  const link = openLink(server.url, prefix, { leaseMs: 8_000, logger: quiet, clockOffsetMs: () => offset })
  refuseFirst(link, { redis, said })
  const store = new RedisWorkflowStore(link, () => link.close())
  const sweep = async (): Promise<void> => {
    offset += 20_000
    for (const count of [2, 100]) await store.sweep({ limit: count, redispatchAfterMs: 1_000, graceMs: 100, known })
  }
  const create = (runId: RunId) =>
    store.createRun({ runId, workflow: 'order', input: '1', inputDigest: '', tags: ['tag'] })
  const claim = async (runId: RunId): Promise<RunClaim> => {
    const ask = { runId, owner: 'worker', claimId: crypto.randomUUID(), leaseMs: 8_000, known, after: 0, limit }
    const answer = await store.claimRun(ask)
    if (!answer || 'ended' in answer) throw new Error(`${runId} was not claimed`)
    return answer
  }
  const commit = ({ lease }: RunClaim, over: Partial<Turn>) => {
    const turn = { number: 1, after: 0, codeHash: 'code-1', schedule: [], record: [], next: { kind: 'hold' } } as const
    return store.commitRun(lease, { ...turn, ...over })
  }
  const claimStep = async (runId: RunId, name: string): Promise<Lease> => {
    const ask = { runId, step: { name, ordinal: 0 }, owner: 'worker', claimId: crypto.randomUUID(), leaseMs: 1_000 }
    const answer = await store.claimStep({ ...ask, known: ['work'], limit })
    if (!answer) throw new Error(`${name} of ${runId} was not claimed`)
    return answer.lease
  }
  const signal = (runId: RunId, signalId: string) =>
    store.signalRun({ kind: 'signal', runId, signalId, name: 'go', payload: '1' })

  try {
    await store.enlist('worker')
    for (const runId of ['completed', 'cancelled', 'diverged']) {
      await create(runId)
      const claimed = await claim(runId)
      await commit(claimed, { schedule: plansOf(runId), record: [flaky] })
      await store.renewLeases([claimed.lease], 9_000)
      for (const id of ['one', 'two']) await signal(runId, id)
      await commit(claimed, { number: 2, schedule: [{ ...suspend, id: { name: 'go', ordinal: 1 } }] })
      await store.settleStep(await claimStep(runId, 'a'), { kind: 'succeeded', output: '1', durationMs: 1 })
      await store.settleStep(await claimStep(runId, 'b'), { kind: 'retry', error: '1', delayMs: 0, durationMs: 1 })
      await store.releaseStep(await claimStep(runId, 'c'), { entered: true, delayMs: 0 })
      await claimStep(runId, 'd')
      offset += 6_000
      const diverges = { kind: 'suspend', wakeSeq: 0, reason: 'diverged', codeHash: 'code-1' } as const
      await commit(claimed, { number: 3, next: runId === 'diverged' ? diverges : { kind: 'yield', delayMs: 0 } })
      await sweep()
      if (runId === 'diverged') await store.signalRun({ kind: 'resume', runId })
      await sweep()
      if (runId === 'completed') {
        await commit(await claim(`child of ${runId}`), { next: { kind: 'complete', output: '1' } })
        await commit(await claim(runId), { next: { kind: 'complete', output: '1' } })
      }
      await store.cancelRun(runId, 'enough')
      await sweep()
      await store.cancelRun(`child of ${runId}`, 'enough')
    }
    await sweep()
    const admin = new RedisAdmin(link)
    expect(await admin.deleteRuns({ finishedBefore: Date.now() + 1e9, limit: 100 })).toBe(6)
    await sweep()
    expect(new Set([...said.values()].flat())).toEqual(new Set(['whole']))
    for (const script of ['create-run', 'claim-run', 'commit-run', 'claim-step', 'settle-step', 'sweep']) {
      expect(said.get(script) ?? [], script).not.toEqual([])
    }
    expect((await redis.keys(`${prefix}:*`)).sort()).toEqual([`${prefix}:meta`, `${prefix}:{0}:owners`])
  } finally {
    await store.close()
    redis.disconnect()
    await server.dispose()
  }
}, 30_000)

const suspend = { kind: 'suspend', id: { name: 'go', ordinal: 0 }, askedAfter: 0 } as const
const flaky: Turn['record'][number] = {
  id: { name: 'flaky', ordinal: 0 },
  askedAfter: 0,
  attempt: 1,
  outcome: { kind: 'retry', error: '1', delayMs: 1_000, durationMs: 1 },
}

/** A step of each kind, and a few for others to claim. */
function plansOf(runId: RunId): StepPlan[] {
  const asked = (name: string) => ({ id: { name, ordinal: 0 }, askedAfter: 0 })
  const rpc = {
    kind: 'rpc',
    rpcName: 'work',
    input: '1',
    inputDigest: '',
    policy: { retries: 1, retryDelayMs: 0 },
  } as const
  const parent = { runId, step: asked('child').id, onEnd: 'cancel' } as const
  const child = { runId: `child of ${runId}`, workflow: 'order', input: '1', inputDigest: '', tags: [], parent }
  return [
    ...['a', 'b', 'c', 'd'].map((name) => ({ ...rpc, ...asked(name) })),
    { kind: 'sleep', ...asked('nap'), delayMs: 5_000 },
    suspend,
    { kind: 'child', ...asked('child'), child },
  ]
}

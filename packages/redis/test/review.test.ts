import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ClaimRun, RunClaim, RunId, StepPlan, Turn } from '@pikku/core/contract'
import { Client } from '../src/client.ts'
import type { RedisLink, Reply } from '../src/connection.ts'
import type { ScriptName } from '../src/scripts.gen.ts'
import { isReplica, troubleOf } from '../src/retryable.ts'
import { Subscriber } from '../src/subscriber.ts'
import { openLinked } from './link-harness.ts'
import type { LinkedHarness } from './link-harness.ts'
import { openRedis, quiet, until } from './redis-harness.ts'

const hour = 3_600_000
const known = [{ name: 'order', codeHash: 'code-1' }]
const limit = { max: 3, reason: 'too many' }
const sweepAsk = { limit: 100, redispatchAfterMs: 10_000, graceMs: 1_000, known }

interface Sent {
  readonly script: ScriptName
  readonly again: () => Promise<Reply>
}

let harness: LinkedHarness
let sent: Sent[]
beforeEach(async () => {
  sent = []
  harness = await openLinked((link: RedisLink) => {
    const call = link.call.bind(link)
    link.call = (script, bucket, args) => {
      sent.push({ script, again: () => call(script, bucket, args) })
      return call(script, bucket, args)
    }
  })
})
afterEach(() => harness.dispose())

/** The newest call of this script arrives once more, as from a connection that was given up and had it under way. */
function comesAgain(script: ScriptName): Promise<Reply> {
  const found = sent.findLast((call) => call.script === script)
  if (!found) throw new Error(`${script} was not called`)
  return found.again()
}

async function create(runId: RunId): Promise<void> {
  await harness.ports.store.createRun({ runId, workflow: 'order', input: '1', inputDigest: '', tags: [] })
}

async function claim(runId: RunId, over: Partial<ClaimRun> = {}): Promise<RunClaim> {
  const ask = { runId, owner: 'worker', claimId: crypto.randomUUID(), leaseMs: hour, known, after: 0, limit }
  const answer = await harness.ports.store.claimRun({ ...ask, ...over })
  if (!answer || 'ended' in answer) throw new Error(`${runId} was not claimed`)
  return answer
}

function commit({ lease, history }: RunClaim, over: Partial<Turn>): ReturnType<typeof harness.ports.store.commitRun> {
  const turn = { number: 1, after: history.revision, codeHash: 'code-1', schedule: [], record: [] }
  return harness.ports.store.commitRun(lease, { ...turn, next: { kind: 'park', wakeSeq: history.wakeSeq }, ...over })
}

const sleep = (name: string, delayMs: number): StepPlan => ({
  kind: 'sleep',
  id: { name, ordinal: 0 },
  askedAfter: 0,
  delayMs,
})

test('A13: a claim that arrives once more while its holder works does not swallow the sleeps that are due by then', async () => {
  await create('run')
  await commit(await claim('run'), { schedule: [sleep('nap', 5_000)] })
  await harness.ports.store.signalRun({ kind: 'resume', runId: 'run' })
  const claimed = await claim('run')
  await harness.advance(6_000)
  await comesAgain('claim-run')
  // Its holder knows nothing of the sleep's end: parked now, nobody would ever tell it.
  const held = await commit(claimed, {})
  expect(held).toMatchObject({ released: false, steps: [{ id: { name: 'nap' }, status: 'succeeded' }] })
  if (held.released) return
  expect(await commit(claimed, { number: 2, after: held.revision })).toMatchObject({ released: true })
})

test('A13: a turn that arrives once more after the next one is not applied again', async () => {
  await create('run')
  const claimed = await claim('run')
  const record = (attempt: number): Turn['record'] => [
    {
      id: { name: 'flaky', ordinal: 0 },
      askedAfter: 0,
      attempt,
      outcome: { kind: 'retry', error: `"${attempt}"`, delayMs: 0, durationMs: 1 },
    },
  ]
  const first = { number: 1, record: record(1), schedule: [sleep('nap', 5_000)], next: { kind: 'hold' } } as const
  const one = await commit(claimed, first)
  const turnOne = sent.findLast(({ script }) => script === 'commit-run')
  if (one.released || !turnOne) throw new Error('the run was not kept')
  const two = await commit(claimed, { number: 2, after: one.revision, record: record(2), next: { kind: 'hold' } })
  if (two.released) throw new Error('the run was not kept')
  await harness.advance(6_000)
  await turnOne.again()
  const attempts = await harness.ports.reader.listAttempts('run')
  expect(attempts.map(({ attempt, error }) => [attempt, error])).toEqual([
    [1, '"1"'],
    [2, '"2"'],
  ])
  const three = await commit(claimed, { number: 3, after: two.revision, next: { kind: 'park', wakeSeq: two.wakeSeq } })
  expect(three).toMatchObject({ released: false, steps: [{ id: { name: 'nap' }, status: 'succeeded' }] })
})

test('a run whose turn cannot be written is left to a person, and keeps nothing of it', async () => {
  await create('run')
  const claimed = await claim('run')
  // The server refused turn 1 for good, and turn 2 gives up.
  const record: Turn['record'] = [
    {
      id: { name: 'step', ordinal: 0 },
      askedAfter: 0,
      attempt: 1,
      outcome: { kind: 'succeeded', output: '1', durationMs: 1 },
    },
  ]
  const next = { kind: 'suspend', wakeSeq: claimed.history.wakeSeq, reason: 'it cannot be written' } as const
  expect(await commit(claimed, { number: 2, next })).toEqual({ released: true, wake: [] })
  expect(await harness.ports.reader.getRun('run')).toMatchObject({ status: 'suspended', reason: next.reason })
  await harness.ports.store.signalRun({ kind: 'resume', runId: 'run' })
  await expect(commit(await claim('run'), { number: 2, record, next })).rejects.toThrow('run')
})

/** Others are back at once, and look who is there: twice, a second apart. */
test('F10: who lives tells so soon after the server is back, however long it was away', async () => {
  const tries: number[] = []
  const server = createServer((socket) => {
    tries.push(performance.now())
    socket.destroy()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const client = new Client(new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: null }), 1_000)
  const subscriber = new Subscriber(client)
  try {
    await expect(subscriber.subscribe('alive', performance.now() + 3_000)).rejects.toThrow()
    const before = tries.length
    await until(() => tries.length > before + 5, 2_000)
  } finally {
    subscriber.close()
    client.close()
    server.close()
  }
})

test('thousands of processes that died while nobody swept hold up no sweep, and are forgotten by and by', async () => {
  const { ports, prefix, nodes, advance, dispose } = await openRedis({ buckets: 1 })
  try {
    const owners = `${prefix}:{0}:owners`
    const dead = Array.from({ length: 9_000 }, (_, i) => [`dead-${i}`, ''] as const)
    await nodes[0]?.hset(owners, Object.fromEntries(dead))
    await ports.store.sweep(sweepAsk)
    await advance(15_000)
    expect(await ports.store.sweep(sweepAsk)).toMatchObject({ items: [], nextDueInMs: 0 })
    const left = Number(await nodes[0]?.hlen(owners))
    expect(left).toBeLessThan(9_000)
    await ports.store.sweep(sweepAsk)
    expect(await nodes[0]?.hlen(owners)).toBeLessThan(left)
  } finally {
    await dispose()
  }
})

test('what cannot be delivered fails neither the turn that caused it nor the sweep of everybody else', async () => {
  const said: unknown[] = []
  const logger = { ...quiet, error: (...words: unknown[]) => said.push(words) }
  const { ports, prefix, nodes, advance, dispose } = await openRedis({ buckets: 1, logger })
  try {
    // Somebody else's, where the child is to be.
    await nodes[0]?.set(`${prefix}:{0}:run:child`, 'x')
    for (const runId of ['parent', 'other']) {
      await ports.store.createRun({ runId, workflow: 'order', input: '1', inputDigest: '', tags: [] })
    }
    const ask = { runId: 'parent', owner: 'worker', claimId: 'c', leaseMs: hour, known, after: 0, limit }
    const claimed = await ports.store.claimRun(ask)
    if (!claimed || 'ended' in claimed) throw new Error('the parent was not claimed')
    const id = { name: 'child', ordinal: 0 }
    const parent = { runId: 'parent', step: id, onEnd: 'cancel' } as const
    const child = { runId: 'child', workflow: 'order', input: '1', inputDigest: '', tags: [], parent }
    const schedule: StepPlan[] = [{ kind: 'child', id, askedAfter: 0, child }]
    const turn = { number: 1, after: 0, codeHash: 'code-1', schedule, record: [], next: { kind: 'hold' } } as const
    expect(await ports.store.commitRun(claimed.lease, turn)).toMatchObject({ released: false, wake: [] })
    await advance(15_000)
    expect((await ports.store.sweep(sweepAsk)).items).toEqual([{ kind: 'run', runId: 'other', workflow: 'order' }])
    expect(said.length).toBe(2)
    await nodes[0]?.del(`${prefix}:{0}:run:child`)
    await advance(2_000)
    expect((await ports.store.sweep(sweepAsk)).items).toEqual([{ kind: 'run', runId: 'child', workflow: 'order' }])
  } finally {
    await dispose()
  }
})

test('before Redis 7 the error of a command in a script is known by what it says further on', () => {
  const met = (error: string): Error =>
    new Error(`ERR Error running script (call to f_1028a5): @user_script:4: ${error}`)
  const replica = met("@user_script: 4: -READONLY You can't write against a read only replica.")
  expect([troubleOf(replica), isReplica(replica)]).toEqual(['unknown', true])
  expect(troubleOf(met("@user_script: 4: -OOM command not allowed when used memory > 'maxmemory'."))).toBe('unknown')
  expect(troubleOf(met('WRONGTYPE Operation against a key holding the wrong kind of value'))).toBe('broken')
  expect(isReplica(new Error("READONLY You can't write against a read only replica."))).toBe(true)
})

test('runs that ended in one instant are all deleted at once, however many there are', async () => {
  const { ports, prefix, nodes, dispose } = await openRedis({ buckets: 1 })
  try {
    const ids = Array.from({ length: 150 }, (_, i) => `run-${i}`)
    for (const runId of ids) {
      await ports.store.createRun({ runId, workflow: 'order', input: '1', inputDigest: '', tags: [] })
      await ports.store.cancelRun(runId, 'enough')
      await nodes[0]?.hset(`${prefix}:{0}:run:${runId}`, 'endedAt', 1_700_000_000_000)
      await nodes[0]?.zadd(`${prefix}:{0}:ended:cancelled`, 1_700_000_000_000, runId)
    }
    expect(await ports.admin.deleteRuns({ finishedBefore: Date.now(), limit: 1_000 })).toBe(ids.length)
  } finally {
    await dispose()
  }
})

test('a message of somebody else on the channel of notices harms nobody', async () => {
  const { ports, prefix, nodes, dispose } = await openRedis({ buckets: 1 })
  try {
    const heard: string[] = []
    let missed = 0
    await ports.notices.subscribe({ onChanged: (runId) => heard.push(runId), onMissed: () => (missed += 1) })
    for (const message of ['hello', '7', 'null', '{"from":"me"}', '{"from":"me","runs":7}']) {
      await nodes[0]?.publish(`${prefix}:notices`, message)
    }
    await nodes[0]?.publish(`${prefix}:notices`, '{"from":"me","runs":["run"]}')
    await until(() => heard.length > 0)
    expect(heard).toEqual(['run'])
    expect(missed).toBeGreaterThan(0)
  } finally {
    await dispose()
  }
})

test('deliveries that are kept to be made once more are gone as fast as sweeps can, and leave nothing', async () => {
  const { ports, prefix, nodes, advance, dispose } = await openRedis({ buckets: 5 })
  const { store, admin } = ports
  try {
    await store.createRun({ runId: 'parent', workflow: 'order', input: '1', inputDigest: '', tags: [] })
    const ask = { runId: 'parent', owner: 'worker', claimId: 'c', leaseMs: hour, known, after: 0, limit }
    const claimed = await store.claimRun(ask)
    if (!claimed || 'ended' in claimed) throw new Error('the parent was not claimed')
    const schedule = Array.from({ length: 100 }, (_, i): StepPlan => {
      const id = { name: `child-${i}`, ordinal: 0 }
      const child = { runId: id.name, workflow: 'order', input: '1', inputDigest: '', tags: [] }
      const parent = { runId: 'parent', step: id, onEnd: 'cancel' } as const
      return { kind: 'child', id, askedAfter: 0, child: { ...child, parent } }
    })
    const turn = { number: 1, after: 0, codeHash: 'code-1', schedule, record: [], next: { kind: 'hold' } } as const
    await store.commitRun(claimed.lease, turn)
    await store.cancelRun('parent', 'enough')
    for (const { id } of schedule) await store.cancelRun(id.name, 'enough')
    expect(await admin.deleteRuns({ finishedBefore: Date.now() + hour, limit: 1_000 })).toBe(101)
    await advance(hour)
    let sweeps = 1
    while ((await store.sweep(sweepAsk)).nextDueInMs === 0) sweeps += 1
    expect(sweeps).toBeGreaterThan(2)
    await advance(hour)
    await store.sweep(sweepAsk)
    expect(await nodes[0]?.keys(`${prefix}:*`)).toEqual([`${prefix}:meta`])
  } finally {
    await dispose()
  }
})

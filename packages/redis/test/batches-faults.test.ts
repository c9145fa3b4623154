import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import type { Lease, RunClaim, RunId, StepPlan, Turn } from '@pikku/core/contract'
import { seededRandom } from '@pikku/core/testing'
import type { Random } from '@pikku/core/testing'
import { startFreshRedis } from '@pikku/tooling/redis'
import type { Link } from '../src/link.ts'
import { openLink } from '../src/open-link.ts'
import { RedisReader } from '../src/redis-reader.ts'
import { RedisWorkflowStore } from '../src/redis-workflow-store.ts'
import { quiet } from './redis-harness.ts'

const known = [{ name: 'order', codeHash: 'code-1' }]
const limit = { max: 3, reason: 'too many' }
const turns = 4

/** Some scripts never arrive, and of some the answer does not. */
function losing(link: Link, random: Random): { count: number } {
  const lost = { count: 0 }
  const send = link.client.send.bind(link.client)
  link.client.send = async (command, deadline) => {
    const lose = (): never => {
      lost.count += 1
      throw Object.assign(new Error('lost'), { code: 'NO_ANSWER' })
    }
    if (random.chance(0.1)) lose()
    const answer = await send(command, deadline)
    return random.chance(0.2) ? lose() : answer
  }
  return lost
}

const plan = (ordinal: number): StepPlan => {
  const asked = { kind: 'rpc', id: { name: 'rpc', ordinal }, askedAfter: 0, rpcName: 'work', inputDigest: '' } as const
  return { ...asked, input: '"x"', policy: { retries: 3, retryDelayMs: 0 } }
}

const recordOf = (ordinal: number): Turn['record'][number] => ({
  id: { name: 'inline', ordinal },
  askedAfter: 0,
  attempt: 1,
  outcome: { kind: 'succeeded', output: `${ordinal}`, durationMs: 1 },
})

/** A run from its start to its end, every call asked once by who asks it, with what each of them is answered. */
async function live(store: RedisWorkflowStore, runId: RunId): Promise<void> {
  const run = { runId, workflow: 'order', input: '1', inputDigest: '', tags: [] }
  expect((await store.createRun(run)).created).toBe(true)
  const ask = { owner: 'worker', claimId: crypto.randomUUID(), leaseMs: 60_000, limit }
  const claimed = await store.claimRun({ ...ask, runId, known, after: 0 })
  if (!claimed || 'ended' in claimed) throw new Error(`${runId} was not claimed`)
  let after = claimed.history.revision
  for (let number = 1; number <= turns; number += 1) after = await turn(store, claimed, { number, after })
  const last = { number: turns + 1, after, codeHash: 'code-1', schedule: [], record: [] }
  const ended = await store.commitRun(claimed.lease, { ...last, next: { kind: 'complete', output: '1' } })
  expect(ended.released).toBe(true)
}

async function turn(
  store: RedisWorkflowStore,
  { lease }: RunClaim,
  { number, after }: { number: number; after: number },
): Promise<number> {
  const { runId } = lease
  const given = { number, after, codeHash: 'code-1', record: [recordOf(number)], schedule: [plan(number)] }
  const held = await store.commitRun(lease, { ...given, next: { kind: 'hold' } })
  if (held.released) throw new Error(`${runId} was not kept`)
  expect(held.recorded.map(({ id }) => id)).toEqual([{ name: 'inline', ordinal: number }])
  expect(held.wake).toHaveLength(1)
  const step = { name: 'rpc', ordinal: number }
  const ask = { runId, step, owner: 'worker', claimId: crypto.randomUUID(), leaseMs: 60_000, known: ['work'], limit }
  const claim = await store.claimStep(ask)
  expect(claim).toMatchObject({ attempt: 1, lost: 0, input: '"x"' })
  const settled = await store.settleStep(claim?.lease as Lease, { kind: 'succeeded', output: '1', durationMs: 1 })
  expect(settled?.settledSeq).toBeGreaterThan(held.revision)
  return held.revision
}

test('scripts and answers are lost, the server has no memory, is a replica, forgets scripts, cuts connections: every call is answered as if it had been made once', async () => {
  const server = await startFreshRedis({ settings: { appendonly: 'no' } })
  const redis = new Redis(server.url)
  const link = openLink(server.url, 'faults', { leaseMs: 60_000, logger: quiet, lookAgainMs: Infinity })
  const store = new RedisWorkflowStore(link, () => link.close())
  onTestFinished(async () => {
    await store.close()
    redis.disconnect()
    await server.dispose()
  })
  await link.ready()
  const seed = Math.floor(Math.random() * 2 ** 31)
  const random = seededRandom(seed)
  const lost = losing(link, random)
  const happenings = [
    [() => redis.config('SET', 'maxmemory', '1'), () => redis.config('SET', 'maxmemory', '0')],
    [() => redis.replicaof('127.0.0.1', 1), () => redis.replicaof('NO', 'ONE')],
    [() => redis.script('FLUSH')],
    [() => redis.call('client', 'kill', 'type', 'normal', 'skipme', 'yes')],
  ]
  const ids = Array.from({ length: 40 }, (_, at) => `run-${at}`)
  let isOver = false
  const lives = Promise.all(ids.map((runId) => live(store, runId))).finally(() => (isOver = true))
  const disturb = async (): Promise<void> => {
    while (!isOver) {
      for (const act of random.pick(happenings)) {
        await act()
        await delay(10 + random.below(40))
      }
      // Nobody is to meet nothing else for ten seconds.
      await delay(50)
    }
  }
  try {
    await Promise.all([lives, disturb()])
    const reader = new RedisReader(link)
    for (const runId of ids) {
      expect((await reader.getRun(runId))?.status).toBe('completed')
      const steps = (await reader.listSteps(runId)).map(({ id, status }) => `${id.name} ${id.ordinal} ${status}`)
      const numbers = Array.from({ length: turns }, (_, at) => at + 1)
      expect(steps).toEqual(numbers.flatMap((at) => [`inline ${at} succeeded`, `rpc ${at} succeeded`]))
      expect(await reader.listAttempts(runId)).toHaveLength(2 * turns)
    }
    expect(lost.count).toBeGreaterThan(20)
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error })
  }
}, 60_000)

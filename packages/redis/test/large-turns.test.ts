import { afterEach, beforeEach, expect, test } from 'vitest'
import { WorkflowError } from '@pikku/core/contract'
import type { InlineRecord, Lease, RunId, StepPlan, StorePorts, Turn } from '@pikku/core/contract'
import type { RedisLink } from '../src/connection.ts'
import { openLinked } from './link-harness.ts'
import type { LinkedHarness } from './link-harness.ts'

const known = [{ name: 'order', codeHash: 'code-1' }]

let harness: LinkedHarness
let ports: StorePorts

beforeEach(async () => {
  harness = await openLinked()
  ports = harness.ports
})
afterEach(() => harness.dispose())

let ids = 0
async function claim(runId: RunId): Promise<Lease> {
  ids += 1
  const who = { owner: `o${ids}`, claimId: `c${ids}`, leaseMs: 10_000, known, after: 0 }
  const answer = await ports.store.claimRun({ runId, ...who, limit: { max: 3, reason: 'too many' } })
  if (!answer || 'ended' in answer) throw new Error(`${runId} cannot be claimed`)
  return answer.lease
}

async function held(): Promise<{ runId: RunId; lease: Lease }> {
  const runId = `run-${(ids += 1)}`
  await ports.store.createRun({ runId, workflow: 'order', input: '1', inputDigest: 'd', tags: [] })
  return { runId, lease: await claim(runId) }
}

function rpcs(count: number, input = '1'): StepPlan[] {
  const asked = { askedAfter: 0, kind: 'rpc', rpcName: 'work', input, inputDigest: 'd' } as const
  const policy = { retries: 0, retryDelayMs: 0 }
  return Array.from({ length: count }, (_, i) => ({ ...asked, policy, id: { name: `s${i}`, ordinal: 0 } }))
}

function records(count: number): InlineRecord[] {
  const outcome = { kind: 'succeeded', output: '1', durationMs: 1 } as const
  return Array.from({ length: count }, (_, i) => ({
    id: { name: `i${i}`, ordinal: 0 },
    askedAfter: 0,
    attempt: 1,
    outcome,
  }))
}

function turn(over: Partial<Turn>): Turn {
  return { number: 1, after: 0, codeHash: 'code-1', schedule: [], record: [], next: { kind: 'hold' }, ...over }
}

test('a turn of a thousand steps is answered as one, also when it is asked again', async () => {
  const { runId, lease } = await held()
  const large = turn({ record: records(500), schedule: rpcs(500) })
  const first = await ports.store.commitRun(lease, large)
  if (first.released) throw new Error('held')
  expect(first.recorded.map(({ settledSeq }) => settledSeq)).toEqual(Array.from({ length: 500 }, (_, i) => i + 2))
  expect(first.wake).toHaveLength(500)
  expect(first.steps.every(({ kind }) => kind === 'rpc')).toBe(true)
  const second = await ports.store.commitRun(lease, large)
  expect(second).toEqual(first)
  expect((await ports.reader.listSteps(runId)).map(({ id }) => id.name)).toEqual([
    ...large.record.map(({ id }) => id.name),
    ...large.schedule.map(({ id }) => id.name),
  ])
})

test('what a turn settled in its first part forbids to leave in its last', async () => {
  const { runId, lease } = await held()
  const signal = { kind: 'signal', runId, signalId: 'x', name: 'go', payload: '"now"' } as const
  await ports.store.signalRun(signal)
  const wakeSeq = await wakeSeqOf(lease)
  const schedule: StepPlan[] = [{ kind: 'suspend', id: { name: 'go', ordinal: 0 }, askedAfter: 0 }, ...rpcs(100)]
  const answer = await ports.store.commitRun(lease, turn({ number: 2, schedule, next: { kind: 'park', wakeSeq } }))
  expect(answer.released).toBe(false)
})

async function wakeSeqOf(lease: Lease): Promise<number> {
  const answer = await ports.store.commitRun(lease, turn({}))
  return answer.released ? 0 : answer.wakeSeq
}

test('when the lease is lost between two parts, the first stay, and the next holder asks for the rest', async () => {
  const { runId, lease } = await held()
  const slow = harness.through(
    loseLeaseAfter(2, async () => {
      await harness.advance(30_000)
      await claim(runId)
    }),
  )
  const large = turn({ schedule: rpcs(200) })
  const lost = await slow.store.commitRun(lease, large).catch((error: unknown) => error)
  expect(WorkflowError.is(lost, 'LEASE_LOST')).toBe(true)
  const first = (await ports.reader.listSteps(runId)).length
  expect(first).toBeGreaterThan(0)
  expect(first).toBeLessThan(200)
  await harness.advance(60_000)
  const answer = await ports.store.commitRun(await claim(runId), large)
  expect(answer.wake).toHaveLength(200 - first)
  expect((await ports.reader.listSteps(runId)).map(({ id }) => id)).toEqual(large.schedule.map(({ id }) => id))
})

function loseLeaseAfter(commits: number, lose: () => Promise<void>): (link: RedisLink) => void {
  return (link) => {
    const call = link.call.bind(link)
    let seen = 0
    link.call = async (script, bucket, args) => {
      if (script === 'commit-run' && (seen += 1) === commits + 1) await lose()
      return call(script, bucket, args)
    }
  }
}

test('large payloads travel in parts of their own, and come back exactly', async () => {
  const { runId, lease } = await held()
  const input = `"${'x'.repeat(200_000)}"`
  await ports.store.commitRun(lease, turn({ schedule: rpcs(5, input) }))
  expect((await ports.reader.listSteps(runId)).map((step) => step.input === input)).toEqual([
    true,
    true,
    true,
    true,
    true,
  ])
})

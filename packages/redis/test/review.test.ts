import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ClaimRun, RunClaim, RunId, StepPlan, Turn } from '@pikku/core/contract'
import type { RedisLink, Reply } from '../src/connection.ts'
import type { ScriptName } from '../src/scripts.gen.ts'
import { openLinked } from './link-harness.ts'
import type { LinkedHarness } from './link-harness.ts'

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


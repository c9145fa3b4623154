import assert from 'node:assert/strict'
import { WorkflowError } from '../../contract/index.ts'
import type {
  ClaimRun,
  ClaimStep,
  Committed,
  Held,
  InlineRecord,
  Lease,
  NewRun,
  Released,
  RetryPolicy,
  RunClaim,
  RunId,
  RunItem,
  StepClaim,
  StepId,
  StepItem,
  StepOutcome,
  StepPlan,
  Sweep,
  Turn,
  WorkflowStore,
  WorkItem,
} from '../../contract/index.ts'

/** Long enough that no test outlives it by accident. */
export const minute = 60_000
export const hour = 60 * minute

export const known = [{ name: 'order', codeHash: 'code-1' }] as const

const policy: RetryPolicy = { retries: 3, retryDelayMs: 0 }

let ids = 0
/** An id that no other row of this process has. */
export function freshId(prefix: string): string {
  ids += 1
  return `${prefix}-${ids}`
}

export function newRun(over: Partial<NewRun> = {}): NewRun {
  return { runId: freshId('run'), workflow: 'order', input: '{"in":1}', inputDigest: 'digest', tags: [], ...over }
}

export function claimAsk(runId: RunId, over: Partial<ClaimRun> = {}): ClaimRun {
  const limit = { max: 5, reason: 'too many crashes' }
  return { runId, owner: 'worker-1', claimId: freshId('claim'), leaseMs: minute, known, after: 0, limit, ...over }
}

export async function claim(store: WorkflowStore, runId: RunId, over: Partial<ClaimRun> = {}): Promise<RunClaim> {
  const answer = await store.claimRun(claimAsk(runId, over))
  assert.ok(answer && !('ended' in answer), `run ${runId} could be claimed`)
  return answer
}

export function turn(over: Partial<Turn> = {}): Turn {
  return { number: 1, after: 0, codeHash: 'code-1', schedule: [], record: [], next: { kind: 'hold' }, ...over }
}

export const id = (name: string, ordinal = 0): StepId => ({ name, ordinal })

type RpcPlan = StepPlan & { kind: 'rpc' }

export function rpc(name: string, over: Partial<RpcPlan> = {}): RpcPlan {
  const asked = { id: id(name), askedAfter: 0, kind: 'rpc', rpcName: 'work', input: `"to ${name}"` } as const
  return { ...asked, inputDigest: `digest of ${name}`, policy, ...over }
}

export function sleep(name: string, delayMs: number): StepPlan {
  return { kind: 'sleep', id: id(name), askedAfter: 0, delayMs }
}

export function suspend(name: string, ordinal = 0): StepPlan {
  return { kind: 'suspend', id: id(name, ordinal), askedAfter: 0 }
}

/** A child step and the run it starts. */
export function child(parent: RunId, name: string, over: Partial<NewRun> = {}): StepPlan & { kind: 'child' } {
  const link = { runId: parent, step: id(name), onEnd: 'cancel' } as const
  return { kind: 'child', id: id(name), askedAfter: 0, child: newRun({ parent: link, ...over }) }
}

export function inline(
  name: string,
  outcome: StepOutcome = succeeded(),
  over: Partial<InlineRecord> = {},
): InlineRecord {
  return { id: id(name), askedAfter: 0, attempt: 1, outcome, ...over }
}

export function succeeded(output = '"done"'): StepOutcome {
  return { kind: 'succeeded', output, durationMs: 5 }
}

export function failed(error = '"broken"'): StepOutcome {
  return { kind: 'failed', error, durationMs: 5 }
}

export function retry(delayMs: number, error = '"broken"'): StepOutcome {
  return { kind: 'retry', error, delayMs, durationMs: 5 }
}

export async function hold(store: WorkflowStore, lease: Lease, over: Partial<Turn> = {}): Promise<Held> {
  return isHeld(await store.commitRun(lease, turn(over)))
}

/** Park with the wakeSeq that the holder was told last. */
export function park(seen: { readonly wakeSeq: number }): Turn['next'] {
  return { kind: 'park', wakeSeq: seen.wakeSeq }
}

export function isHeld(committed: Committed): Held {
  assert.ok(!committed.released, 'the lease is kept')
  return committed
}

export function isReleased(committed: Committed): Released {
  assert.ok(committed.released, 'the lease was given back')
  return committed
}

/** A run that has asked for these steps and is parked. */
export async function parked(
  store: WorkflowStore,
  schedule: readonly StepPlan[],
  run: NewRun = newRun(),
): Promise<{ runId: RunId; wake: readonly WorkItem[]; revision: number }> {
  await store.createRun(run)
  const { lease, history } = await claim(store, run.runId)
  const held = await hold(store, lease, { schedule })
  const wakeSeq = Math.max(history.wakeSeq, held.wakeSeq)
  const next = { kind: 'park', wakeSeq } as const
  isReleased(await store.commitRun(lease, turn({ number: 2, after: held.revision, next })))
  return { runId: run.runId, wake: held.wake, revision: held.revision }
}

/** A run that has ended. */
export async function completed(store: WorkflowStore, run: NewRun = newRun()): Promise<RunId> {
  await store.createRun(run)
  const { lease } = await claim(store, run.runId)
  isReleased(await store.commitRun(lease, turn({ next: { kind: 'complete', output: '"end"' } })))
  return run.runId
}

export function stepAsk(runId: RunId, name: string, over: Partial<ClaimStep> = {}): ClaimStep {
  const limit = { max: 5, reason: 'too many losses' }
  const who = { owner: 'worker-2', claimId: freshId('claim'), leaseMs: minute, known: ['work'] }
  return { runId, step: id(name), limit, ...who, ...over }
}

export async function claimStep(
  store: WorkflowStore,
  runId: RunId,
  name: string,
  over: Partial<ClaimStep> = {},
): Promise<StepClaim> {
  const answer = await store.claimStep(stepAsk(runId, name, over))
  assert.ok(answer, `step '${name}' of ${runId} could be claimed`)
  return answer
}

export function sweepAsk(over: Partial<Sweep> = {}): Sweep {
  return { limit: 100, redispatchAfterMs: 10_000, graceMs: 1_000, known, ...over }
}

export function runItems(items: readonly WorkItem[]): RunItem[] {
  return items.filter((item) => item.kind === 'run')
}

export function stepItems(items: readonly WorkItem[]): StepItem[] {
  return items.filter((item) => item.kind === 'step')
}

export function runIdsOf(items: readonly WorkItem[]): RunId[] {
  return runItems(items)
    .map(({ runId }) => runId)
    .sort()
}

export function namesOf(rows: readonly { readonly id: StepId }[]): string[] {
  return rows.map((row) => row.id.name)
}

/** Instants and time left differ between two readings of a clock that runs. */
export function withoutTime<T>(answer: T): unknown {
  return JSON.parse(JSON.stringify(answer), (key, value: unknown) =>
    /^(dueInMs|nextDueInMs|.*At)$/.test(key) && typeof value === 'number' ? 'a time' : value,
  )
}

export async function rejectsAsLost(write: Promise<unknown>): Promise<void> {
  await assert.rejects(write, (error) => WorkflowError.is(error, 'LEASE_LOST'))
}

/** Real time for other statements to reach a lock that is held: no condition tells when they wait on it. */
export function letThemWait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

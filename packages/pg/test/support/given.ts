import type {
  ClaimRun,
  ClaimStep,
  InlineRecord,
  NewRun,
  RunClaim,
  StepClaim,
  StepOutcome,
  StepPlan,
  Sweep,
  Turn,
  WorkflowStore,
} from '@pikku/core/contract'

export const known = [{ name: 'order', codeHash: 'code-1' }] as const
export const minute = 60_000

export const newRun = (runId: string, over: Partial<NewRun> = {}): NewRun => {
  return { runId, workflow: 'order', input: '{"in":1}', inputDigest: 'digest', tags: [], ...over }
}

export const claimAsk = (runId: string, over: Partial<ClaimRun> = {}): ClaimRun => {
  const limit = { max: 5, reason: 'too many crashes' }
  return { runId, owner: 'worker-1', claimId: `claim of ${runId}`, leaseMs: minute, known, after: 0, limit, ...over }
}

export const turn = (over: Partial<Turn> = {}): Turn => {
  return { number: 1, after: 0, codeHash: 'code-1', schedule: [], record: [], next: { kind: 'hold' }, ...over }
}

export const rpc = (name: string): StepPlan => {
  const id = { name, ordinal: 0 }
  const policy = { retries: 3, retryDelayMs: 0 }
  return { kind: 'rpc', id, askedAfter: 0, rpcName: 'work', input: `"to ${name}"`, inputDigest: 'digest', policy }
}

export const inline = (name: string, output = '"done"'): InlineRecord => {
  return { id: { name, ordinal: 0 }, askedAfter: 0, attempt: 1, outcome: succeeded(output) }
}

export const succeeded = (output = '"done"'): StepOutcome => ({ kind: 'succeeded', output, durationMs: 5 })

export const stepAsk = (runId: string, name: string, over: Partial<ClaimStep> = {}): ClaimStep => {
  const who = { owner: 'worker-2', claimId: `claim of ${name} of ${runId}`, leaseMs: minute, known: ['work'] }
  return { runId, step: { name, ordinal: 0 }, limit: { max: 5, reason: 'too many losses' }, ...who, ...over }
}

export const sweepAsk = (over: Partial<Sweep> = {}): Sweep => {
  return { limit: 100, redispatchAfterMs: 10_000, graceMs: 1_000, known, ...over }
}

/** A run of this id, claimed. */
export async function claimed(store: WorkflowStore, runId: string, over: Partial<NewRun> = {}): Promise<RunClaim> {
  await store.createRun(newRun(runId, over))
  const claim = await store.claimRun(claimAsk(runId))
  if (claim === null || 'ended' in claim) throw new Error(`run ${runId} could not be claimed`)
  return claim
}

/** A run of this id, held, that has asked for these steps. */
export async function asked(
  store: WorkflowStore,
  runId: string,
  schedule: readonly StepPlan[],
): Promise<RunClaim & { revision: number }> {
  const claim = await claimed(store, runId)
  const held = await store.commitRun(claim.lease, turn({ schedule }))
  if (held.released) throw new Error(`run ${runId} was left`)
  return { ...claim, revision: held.revision }
}

/** A step `name` of a run of this id, claimed. */
export async function claimedStep(store: WorkflowStore, runId: string, name: string): Promise<StepClaim> {
  await asked(store, runId, [rpc(name)])
  const claim = await store.claimStep(stepAsk(runId, name))
  if (!claim) throw new Error(`step '${name}' of ${runId} could not be claimed`)
  return claim
}

import assert from 'node:assert/strict'
import type { NextMove, RunId, RunItem, StepDetail, StepItem, StorePorts } from '../../contract/index.ts'
import { isSettled } from '../../domain/run-state.ts'
import type { Side } from './side.ts'

const hour = 3_600_000
/** Code that nothing diverged with. */
const known = [{ name: 'order', codeHash: 'code-3' }]
const limit = { max: 1_000, reason: 'by the engine' }

let claims = 0
function freshClaim(): { owner: string; claimId: string; leaseMs: number } {
  claims += 1
  return { owner: 'the last worker', claimId: `last-${claims}`, leaseMs: 10_000 }
}

/**
 * From whatever state the store was left in, every run must be brought to its end by nothing but sweeps and what they
 * ring: no answer's `wake` is used. What waits for a person is told once.
 */
export async function checkAllCanEnd(side: Side, runIds: readonly RunId[]): Promise<void> {
  const ports = side.ports(0)
  let open: readonly RunId[] = runIds
  for (let round = 0; round < 40; round += 1) {
    open = await stillOpen(ports, runIds)
    if (open.length === 0) return
    for (const runId of open) await tellWhatItWaitsFor(ports, runId, round)
    await side.advance(2 * hour)
    const { items } = await ports.store.sweep({ limit: 1_000, redispatchAfterMs: 10_000, graceMs: 1_000, known })
    for (const item of items) await (item.kind === 'run' ? takeTurn(ports, item) : work(ports, item))
  }
  const left = open.map(async (runId) => ({
    run: await ports.reader.getRun(runId),
    steps: await ports.reader.listSteps(runId),
  }))
  assert.fail(`${side.name}: asleep for ever: ${JSON.stringify(await Promise.all(left), null, 1)}`)
}

async function stillOpen({ reader }: StorePorts, runIds: readonly RunId[]): Promise<RunId[]> {
  const runs = await Promise.all(runIds.map((runId) => reader.getRun(runId)))
  return runs.flatMap((run) => (run && run.endedAt === null ? run.runId : []))
}

/** The signal of an open suspend step, the resume of what the engine suspended, a poke where nothing is waited for. */
async function tellWhatItWaitsFor({ store, reader }: StorePorts, runId: RunId, round: number): Promise<void> {
  const run = await reader.getRun(runId)
  if (run?.status === 'suspended' && run.reason === limit.reason) await store.signalRun({ kind: 'resume', runId })
  const waiting = (await reader.listSteps(runId)).filter(({ status }) => !isSettled(status))
  const names = waiting.filter(({ kind }) => kind === 'suspend').map(({ id }) => id.name)
  if (waiting.length === 0 && round === 0) names.push('a poke')
  for (const name of new Set(names)) {
    const signalId = `last of ${name} in round ${round}`
    await store.signalRun({ kind: 'signal', runId, signalId, name, payload: '""' })
  }
}

async function takeTurn({ store, reader }: StorePorts, { runId }: RunItem): Promise<void> {
  const claim = await store.claimRun({ runId, ...freshClaim(), known, after: 0, limit })
  if (!claim) return
  if ('ended' in claim) {
    await store.cancelRun(runId, 'its parent ended')
    return
  }
  const { lease, history } = claim
  let { wakeSeq } = history
  let after = history.revision
  for (let number = 1; ; number += 1) {
    const steps = await reader.listSteps(runId)
    const record = steps.filter(isDueInline).map(({ id, askedAfter, attempt }) => {
      const outcome = { kind: 'succeeded', output: '""', durationMs: 1 } as const
      return { id, askedAfter, attempt: attempt + 1, outcome }
    })
    const done = steps.every(({ status }) => isSettled(status))
    const next: NextMove = done ? { kind: 'complete', output: '""' } : { kind: 'park', wakeSeq }
    const turn = { number, after, codeHash: 'code-3', schedule: [], record }
    const committed = await store.commitRun(lease, { ...turn, next: record.length > 0 ? { kind: 'hold' } : next })
    if (committed.released) return
    ;({ wakeSeq, revision: after } = committed)
  }
}

function isDueInline({ kind, status, dueInMs }: StepDetail): boolean {
  return kind === 'inline' && !isSettled(status) && (dueInMs ?? 0) <= 0
}

async function work({ store }: StorePorts, { runId, step }: StepItem): Promise<void> {
  const claim = await store.claimStep({ runId, step, ...freshClaim(), known: ['work'], limit })
  if (claim) await store.settleStep(claim.lease, { kind: 'succeeded', output: '""', durationMs: 1 })
}

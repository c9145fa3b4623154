import type { ClaimStep, Lease, Settled, StepClaim, WorkItem } from '@pikku/core/contract'
import { claimStepCalls, settleCalls } from './calls.ts'
import type { Settle } from './calls.ts'
import type { Verdict } from './coalesce.ts'
import { impatientFirst } from './database.ts'
import type { Database } from './database.ts'
import type { Row } from './driver.ts'
import { byCall, runItem } from './rows.ts'
import { claimStep } from './sql/claim-step.ts'
import { readInput } from './sql/read-input.ts'
import { releaseStep } from './sql/release-step.ts'
import { settleStep } from './sql/settle-step.ts'

/** Inputs that a statement may answer with while it holds locks. */
const lockedBytes = 128 * 1024

interface Release {
  readonly lease: Lease
  readonly entered: boolean
  readonly delayMs: number
}

export interface StepOperations {
  claimStep(ask: ClaimStep): Promise<StepClaim | null>
  settleStep(settle: Settle): Promise<Settled | null>
  releaseStep(release: Release): Promise<{ wake: readonly WorkItem[] }>
}

export function stepOperations(db: Database): StepOperations {
  return { claimStep: claimLane(db), settleStep: settleLane(db), releaseStep: releaseLane(db) }
}

type ReadInput = (ask: Pick<ClaimStep, 'runId' | 'step'>) => Promise<string>

function claimLane(db: Database): (ask: ClaimStep) => Promise<StepClaim | null> {
  const [statement, patiently, reading] = [
    claimStep(db.schema, false),
    claimStep(db.schema, true),
    readInput(db.schema),
  ]
  const read: ReadInput = db.single('readInput', async ({ runId, step }) => {
    const [row] = await db.query('hot', reading, [runId, step.name, step.ordinal])
    return (row?.['input'] as string | undefined) ?? ''
  })
  return db.lane<ClaimStep, StepClaim | null>({
    name: 'claimStep',
    maxCalls: 100,
    maxStatements: 1,
    keyOf: ({ runId, step }) => `${runId} ${step.ordinal} ${step.name}`,
    rowOf: ({ runId }) => runId,
    sizeOf: () => 400,
    send: async (asks, { patient }) => {
      const { calls, knowns } = claimStepCalls(asks)
      const parameters = [calls, knowns, lockedBytes, db.offsetMs]
      const rows = patient
        ? await db.query('patient', patiently, [...parameters, db.lockTimeoutMs])
        : await db.query('hot', statement, parameters)
      const answers = byCall(rows, asks.length)
      return asks.map((ask, at) => claimedOf(ask, answers[at], read))
    },
  })
}

function claimedOf(ask: ClaimStep, row: Row | undefined, read: ReadInput): Verdict<StepClaim | null> {
  const verdict = row?.['verdict']
  if (!row || verdict === 'busy') return { kind: 'busy' }
  if (verdict === 'stale') return { kind: 'stale' }
  if (verdict !== 'apply' && verdict !== 'again') return { kind: 'answer', answer: null }
  const { runId, step, owner, claimId } = ask
  const claim = {
    lease: { runId, step, owner, claimId, epoch: row['epoch'] as number },
    workflow: row['workflow'] as string,
    rpcName: row['rpc_name'] as string,
    policy: { retries: row['retries'] as number, retryDelayMs: row['retry_delay_ms'] as number },
    attempt: row['attempt'] as number,
    lost: row['lost'] as number,
  }
  const input = row['input'] as string | null
  if (input !== null) return { kind: 'answer', answer: { ...claim, input } }
  return { kind: 'answer', answer: read(ask).then((text) => ({ ...claim, input: text })) }
}

function settleLane(db: Database): (settle: Settle) => Promise<Settled | null> {
  const [statement, patiently] = [settleStep(db.schema, false), settleStep(db.schema, true)]
  return db.lane<Settle, Settled | null>({
    name: 'settleStep',
    maxCalls: 200,
    maxStatements: 1,
    keyOf: ({ lease }) => `${lease.runId} ${lease.step?.ordinal} ${lease.step?.name}`,
    rowOf: ({ lease }) => lease.runId,
    sizeOf: ({ outcome }) => 300 + ('output' in outcome ? outcome.output : outcome.error).length,
    send: async (settles, { patient }) => {
      const calls = settleCalls(settles)
      const rows = patient
        ? await db.query('patient', patiently, [calls, db.offsetMs, db.lockTimeoutMs])
        : await db.query('hot', statement, [calls, db.offsetMs])
      const answers = byCall(rows, settles.length)
      return settles.map((settle, at) => settledOf(settle, answers[at]))
    },
  })
}

function settledOf({ lease, outcome }: Settle, row: Row | undefined): Verdict<Settled | null> {
  const verdict = row?.['verdict']
  if (!row || verdict === 'busy') return { kind: 'busy' }
  if (verdict === 'stale') return { kind: 'stale' }
  if (verdict === 'none' || !lease.step) return { kind: 'answer', answer: null }
  const { runId, step } = lease
  if (outcome.kind === 'retry') {
    if (outcome.delayMs > 0) return { kind: 'answer', answer: { settledSeq: null, wake: [] } }
    const { rpc_name, attempt, dispatch } = row
    const next = { rpcName: rpc_name as string, attempt: (attempt as number) + 1, dispatch: dispatch as number }
    return { kind: 'answer', answer: { settledSeq: null, wake: [{ kind: 'step', runId, step, ...next }] } }
  }
  const wake = row['rings'] === true ? [runItem(runId, row['workflow'] as string, row['held'] === true)] : []
  return { kind: 'answer', answer: { settledSeq: row['settled_seq'] as number, wake } }
}

function releaseLane(db: Database): (release: Release) => Promise<{ wake: readonly WorkItem[] }> {
  const send = impatientFirst(db, [releaseStep(db.schema, false), releaseStep(db.schema, true)])
  return db.single('releaseStep', async ({ lease, entered, delayMs }, { patient }) => {
    const { runId, step, claimId, epoch } = lease
    if (!step) return { wake: [] }
    const parameters = [runId, step.name, step.ordinal, claimId, epoch, entered ? 1 : 0, delayMs, db.offsetMs]
    const row = await send(parameters, patient)
    if (!row && !patient) return 'busy'
    if (!row || delayMs > 0) return { wake: [] }
    const { rpc_name, attempt, dispatch } = row
    return {
      wake: [
        {
          kind: 'step',
          runId,
          step,
          rpcName: rpc_name as string,
          attempt: attempt as number,
          dispatch: dispatch as number,
        },
      ],
    }
  })
}

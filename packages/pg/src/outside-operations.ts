import type { NewSignal, RunId, Sweep, Swept, WorkItem } from '@pikku/core/contract'
import { impatientFirst } from './database.ts'
import type { Database } from './database.ts'
import { runItem, runItems } from './rows.ts'
import { cancelRun } from './sql/cancel-run.ts'
import { resumeRun } from './sql/resume-run.ts'
import { signalRun } from './sql/signal-run.ts'
import { sweep } from './sql/sweep.ts'

export interface Signalled {
  readonly accepted: boolean
  readonly wake: readonly WorkItem[]
}

export interface Cancelled {
  readonly cancelled: boolean
  readonly wake: readonly WorkItem[]
}

/** What comes from outside a run: people, other runs, the sweep. */
export interface OutsideOperations {
  signalRun(signal: NewSignal): Promise<Signalled>
  cancelRun(ask: { runId: RunId; reason: string }): Promise<Cancelled>
  sweep(ask: Sweep): Promise<Swept>
}

export function outsideOperations(db: Database): OutsideOperations {
  const signal = signalLane(db)
  const resume = resumeLane(db)
  return {
    signalRun: (given) => (given.kind === 'signal' ? signal(given) : resume(given.runId)),
    cancelRun: cancelLane(db),
    sweep: sweepLane(db),
  }
}

function signalLane(db: Database): (signal: NewSignal & { kind: 'signal' }) => Promise<Signalled> {
  const send = impatientFirst(db, [signalRun(db.schema, false), signalRun(db.schema, true)])
  return db.single('signalRun', async ({ runId, signalId, name, payload }, { isRepeated, patient }) => {
    const row = await send([runId, signalId, name, payload, db.offsetMs], patient)
    if (!row) return patient ? { accepted: false, wake: [] } : 'busy'
    if (row['stale'] === true) return 'stale'
    const item = runItem(runId, row['workflow'] as string, row['held'] === true)
    // Sent before, and here it is: that one was accepted, and rang if it is all the run has to read.
    if (isRepeated && row['known'] === true) return { accepted: true, wake: row['news'] === true ? [item] : [] }
    return { accepted: row['accepted'] === true, wake: row['rings'] === true ? [item] : [] }
  })
}

function resumeLane(db: Database): (runId: RunId) => Promise<Signalled> {
  const send = impatientFirst(db, [resumeRun(db.schema, false), resumeRun(db.schema, true)])
  return db.single('resumeRun', async (runId, { patient }) => {
    const row = await send([runId, db.offsetMs], patient)
    if (!row && !patient) return 'busy'
    if (!row || row['accepted'] !== true) return { accepted: false, wake: [] }
    return { accepted: true, wake: [runItem(runId, row['workflow'] as string, row['held'] === true)] }
  })
}

function cancelLane(db: Database): (ask: { runId: RunId; reason: string }) => Promise<Cancelled> {
  const send = impatientFirst(db, [cancelRun(db.schema, false), cancelRun(db.schema, true)])
  return db.single('cancelRun', async ({ runId, reason }, { isRepeated, patient }) => {
    const row = await send([runId, reason, db.offsetMs], patient)
    if (!row && !patient) return 'busy'
    const isAgain = isRepeated && row?.['again'] === true
    if (!row || (row['cancelled'] !== true && !isAgain)) return { cancelled: false, wake: [] }
    const { parent, workflow, held, rings, news, orphans } = row
    const up = (isAgain ? news : rings) === true ? [runItem(parent as string, workflow as string, held === true)] : []
    return { cancelled: true, wake: [...up, ...runItems(orphans)] }
  })
}

function sweepLane(db: Database): (ask: Sweep) => Promise<Swept> {
  const statement = sweep(db.schema)
  return db.single('sweep', async ({ limit, redispatchAfterMs, graceMs, known }) => {
    const parameters = [limit, redispatchAfterMs, graceMs, JSON.stringify(known), db.schema.lockClass, db.offsetMs]
    const [row] = await db.query('hot', statement, parameters)
    const steps = (row?.['steps'] ?? []) as [string, string, number, string, number, number][]
    const items = [
      ...runItems(row?.['runs']),
      ...steps.map(([runId, name, ordinal, rpcName, attempt, dispatch]): WorkItem => {
        return { kind: 'step', runId, step: { name, ordinal }, rpcName, attempt, dispatch }
      }),
    ]
    const due = row?.['due_ms'] as number | null | undefined
    return {
      items,
      full: row?.['full'] === true,
      nextDueInMs: due === null || due === undefined ? null : Math.max(0, due),
    }
  })
}

import { LeaseLostError } from '@pikku/core/contract'
import type {
  Changes,
  ClaimRun,
  Committed,
  Held,
  History,
  NewRun,
  Run,
  RunClaim,
  RunId,
  Settlement,
  Turn,
  WorkItem,
} from '@pikku/core/contract'
import { claimRunCalls, commitCalls, isPlain, runCall, turnSize } from './calls.ts'
import type { Commit } from './calls.ts'
import type { Verdict } from './coalesce.ts'
import type { Database } from './database.ts'
import type { Row } from './driver.ts'
import { byCall, newbornRun, runItem, runItems, stepKey, toChanges, toRun } from './rows.ts'
import type { ChangeJson } from './rows.ts'
import { claimRun } from './sql/claim-run.ts'
import { commitRun } from './sql/commit-run.ts'
import { createRun } from './sql/create-run.ts'
import { readChanges } from './sql/read-changes.ts'
import { recordSteps } from './sql/record-steps.ts'

/** What one answer may carry while its statement holds locks; shared by the calls of a statement, but never less than a page. */
const lockedBytes = 128 * 1024
const leastBytes = 8 * 1024
/** … and the runs themselves in all answers of a statement together; what is larger is read after it. */
const runBytes = 64 * 1024
/** A page of `readChanges`, which holds no lock. */
const pageBytes = 1024 * 1024

export interface Created {
  readonly run: Run
  readonly created: boolean
  readonly wake: readonly WorkItem[]
}

export type Claimed = RunClaim | { readonly ended: 'parent' } | null

export interface RunOperations {
  createRun(run: NewRun): Promise<Created>
  claimRun(ask: ClaimRun): Promise<Claimed>
  commitRun(commit: Commit): Promise<Committed>
  readChanges(ask: { runId: RunId; after: number }): Promise<Changes>
}

export function runOperations(db: Database): RunOperations {
  const reader = new Reading(db)
  return {
    createRun: createLane(db, reader),
    claimRun: claimLane(db, reader),
    commitRun: commitLane(db, reader),
    readChanges: async ({ runId, after }) => (await reader.read({ runId, after }))?.changes ?? nothingAfter(after),
  }
}

function nothingAfter(revision: number): Changes {
  return { steps: [], signals: [], revision, more: false }
}

function budgetFor(calls: number): number {
  return Math.max(leastBytes, Math.floor(lockedBytes / calls))
}

interface Snapshot {
  readonly run: Run
  readonly wakeSeq: number
  readonly changes: Changes
}

/** Lock-free reading: everything of one answer is of one snapshot. */
class Reading {
  readonly read: (ask: { runId: RunId; after: number }) => Promise<Snapshot | null>

  constructor(db: Database) {
    const statement = readChanges(db.schema)
    this.read = db.single('readChanges', async ({ runId, after }) => {
      const [row] = await db.query('hot', statement, [runId, after, pageBytes, db.offsetMs])
      if (!row) return null
      const cut = cutOf(row, after, row['revision'] as number)
      return {
        run: toRun(row['run']),
        wakeSeq: row['wake_seq'] as number,
        changes: toChanges({ read: jsonOf(row['changes']) }, cut),
      }
    })
  }
}

function jsonOf(value: unknown): readonly ChangeJson[] {
  return (value ?? []) as readonly ChangeJson[]
}

/** How far an answer goes: all the way, or as far as it carried. */
function cutOf(row: Row, after: number, revision: number): { revision: number; more: boolean } {
  const more = row['more'] === true
  return { more, revision: more ? ((row['upto'] as number | null) ?? after) : revision }
}

function createLane(db: Database, reading: Reading): (run: NewRun) => Promise<Created> {
  const statement = createRun(db.schema)
  const create = db.lane<NewRun, Created>({
    name: 'createRun',
    maxCalls: 200,
    maxStatements: 1,
    keyOf: (run) => run.runId,
    sizeOf: (run) => 300 + run.input.length,
    send: async (runs, { repeated }) => {
      const calls = JSON.stringify(runs.map((run, i) => ({ i, ...runCall(run) })))
      const rows = await db.query('hot', statement, [calls, runBytes, db.offsetMs])
      const answers = byCall(rows, runs.length)
      return runs.map((run, at) => createdOf({ run, isRepeated: repeated[at] === true }, answers[at], readOrCreate))
    },
  })
  const readOrCreate = async (asked: AskedToCreate, isHeld: boolean): Promise<Created> => {
    const read = await reading.read({ runId: asked.run.runId, after: Number.MAX_SAFE_INTEGER })
    // Deleted since: its id is free.
    return read ? knownOf(asked, read.run, isHeld) : create(asked.run)
  }
  return create
}

interface AskedToCreate {
  readonly run: NewRun
  /** Sent before, and the answer was lost. */
  readonly isRepeated: boolean
}

function createdOf(
  asked: AskedToCreate,
  row: Row | undefined,
  readOrCreate: (asked: AskedToCreate, isHeld: boolean) => Promise<Created>,
): Verdict<Created> {
  const { run } = asked
  const createdAt = row?.['created_at']
  if (typeof createdAt === 'number') {
    return {
      kind: 'answer',
      answer: { run: newbornRun(run, createdAt), created: true, wake: [runItem(run.runId, run.workflow, false)] },
    }
  }
  // Inserted by somebody after our snapshot: the next one sees it.
  if (typeof row?.['held'] !== 'boolean') return { kind: 'stale' }
  const answer = row['run'] ? knownOf(asked, toRun(row['run']), row['held']) : readOrCreate(asked, row['held'])
  return { kind: 'answer', answer }
}

function knownOf({ run, isRepeated }: AskedToCreate, known: Run, isHeld: boolean): Created {
  const wake = known.endedAt === null ? [runItem(known.runId, known.workflow, isHeld)] : []
  // Sent before: what is there is what was asked for.
  const created = isRepeated && known.workflow === run.workflow && known.inputDigest === run.inputDigest
  return { run: known, created, wake }
}

function claimLane(db: Database, reading: Reading): (ask: ClaimRun) => Promise<Claimed> {
  const [statement, patiently] = [claimRun(db.schema, false), claimRun(db.schema, true)]
  return db.lane<ClaimRun, Claimed>({
    name: 'claimRun',
    maxCalls: 64,
    maxStatements: 1,
    keyOf: (ask) => ask.runId,
    sizeOf: () => 400,
    send: async (asks, { patient }) => {
      const { calls, knowns } = claimRunCalls(asks)
      const parameters = [calls, knowns, budgetFor(asks.length), runBytes, db.offsetMs]
      const rows = patient
        ? await db.query('patient', patiently, [...parameters, db.lockTimeoutMs])
        : await db.query('hot', statement, parameters)
      const answers = byCall(rows, asks.length)
      return asks.map((ask, at) => claimedOf(ask, answers[at], reading))
    },
  })
}

function claimedOf(ask: ClaimRun, row: Row | undefined, reading: Reading): Verdict<Claimed> {
  const verdict = row?.['verdict']
  if (!row || verdict === 'busy') return { kind: 'busy' }
  if (verdict === 'parent') return { kind: 'answer', answer: { ended: 'parent' } }
  if (verdict !== 'apply' && verdict !== 'again') return { kind: 'answer', answer: null }
  const { runId, owner, claimId } = ask
  const lease = { runId, owner, claimId, epoch: row['epoch'] as number }
  // Written to since our snapshot, or too large to be sent under a lock.
  if (row['stale'] === true || !row['run']) {
    return {
      kind: 'answer',
      answer: reading.read({ runId, after: ask.after }).then((read) => read && { lease, history: historyOf(read) }),
    }
  }
  const cut = cutOf(row, ask.after, row['revision'] as number)
  const changed = cut.more ? [] : jsonOf(row['napped'])
  const changes = toChanges({ read: jsonOf(row['changes']), changed }, cut)
  return {
    kind: 'answer',
    answer: { lease, history: historyOf({ run: toRun(row['run']), wakeSeq: row['wake_seq'] as number, changes }) },
  }
}

function historyOf({ run, wakeSeq, changes }: Snapshot): History {
  return { ...changes, run, wakeSeq }
}

interface CommitAnswer {
  readonly commit: Commit
  readonly row: Row | undefined
  readonly patient: boolean
  readonly reading: Reading
}

/** Plain turns in a statement of their own, all others, and plain ones with something to tell, in the one that knows everything. */
function commitLane(db: Database, reading: Reading): (commit: Commit) => Promise<Committed> {
  const full = fullCommitLane(db, reading)
  const plain = plainCommitLane(db, full)
  return (commit) => (isPlain(commit) ? plain(commit) : full(commit))
}

function plainCommitLane(
  db: Database,
  full: (commit: Commit) => Promise<Committed>,
): (commit: Commit) => Promise<Committed> {
  const statement = recordSteps(db.schema)
  return db.lane<Commit, Committed>({
    name: 'commitRun',
    maxCalls: 100,
    maxStatements: 1,
    keyOf: ({ lease }) => lease.runId,
    sizeOf: turnSize,
    send: async (commits) => {
      const { calls, plans } = commitCalls(commits)
      const rows = await db.query('hot', statement, [calls, plans, db.offsetMs])
      const answers = byCall(rows, commits.length)
      return commits.map((commit, at) => {
        const row = answers[at]
        return { kind: 'answer', answer: row?.['complete'] === true ? plainlyHeld(commit, row) : full(commit) }
      })
    },
  })
}

function plainlyHeld({ turn }: Commit, row: Row): Held {
  const read = { steps: [], signals: [], more: false, revision: row['revision'] as number }
  return { released: false, ...read, wakeSeq: row['wake_seq'] as number, recorded: recordedOf(turn, row), wake: [] }
}

function fullCommitLane(db: Database, reading: Reading): (commit: Commit) => Promise<Committed> {
  const [statement, patiently] = [commitRun(db.schema, false), commitRun(db.schema, true)]
  return db.lane<Commit, Committed>({
    name: 'commitRun',
    maxCalls: 100,
    maxStatements: 1,
    keyOf: ({ lease }) => lease.runId,
    sizeOf: turnSize,
    send: async (commits, { patient }) => {
      const { calls, plans } = commitCalls(commits)
      const parameters = [calls, plans, budgetFor(commits.length), db.offsetMs]
      const rows = patient
        ? await db.query('patient', patiently, [...parameters, db.lockTimeoutMs])
        : await db.query('hot', statement, parameters)
      const answers = byCall(rows, commits.length)
      return commits.map((commit, at) => committedOf({ commit, row: answers[at], patient, reading }))
    },
  })
}

function lost(runId: RunId): Verdict<never> {
  return { kind: 'refused', error: new LeaseLostError(runId) }
}

function committedOf({ commit, row, patient, reading }: CommitAnswer): Verdict<Committed> {
  const { lease, turn } = commit
  const verdict = row?.['verdict']
  // Not locked: it is waited for; who waited and found nothing has lost it.
  if (!row) return patient ? lost(lease.runId) : { kind: 'busy' }
  if (verdict === 'busy') return { kind: 'busy' }
  if (verdict === 'stale') return { kind: 'stale' }
  if (verdict === 'lost') return lost(lease.runId)
  const wake = wakeOf(commit, row)
  if (row['leaves'] === true) return { kind: 'answer', answer: { released: true, wake } }
  // A step of ours had its row before, or this turn was applied after our snapshot: ask again, it is known by now.
  if (verdict === 'again' ? row['stale'] === true : row['complete'] !== true) return { kind: 'stale' }
  const recorded = verdict === 'again' ? repeatedOf(turn, row) : recordedOf(turn, row)
  const held = { released: false, recorded, wake } as const
  if (row['stale'] === true) {
    return {
      kind: 'answer',
      answer: reading.read({ runId: lease.runId, after: turn.after }).then((read) => heldOf(commit, held, read)),
    }
  }
  const cut = cutOf(row, turn.after, row['revision'] as number)
  const changed = cut.more ? [] : jsonOf(row['fresh'])
  const consumed = (row['consumed'] ?? []) as string[]
  const changes = toChanges({ read: jsonOf(row['changes']), changed, consumed }, cut)
  return { kind: 'answer', answer: heldOf(commit, held, { wakeSeq: row['wake_seq'] as number, changes }) }
}

type Kept = Pick<Held, 'released' | 'recorded' | 'wake'>

/** Own inline records are known to the caller: they come back as places only. */
function heldOf({ lease, turn }: Commit, kept: Kept, read: Pick<Snapshot, 'wakeSeq' | 'changes'> | null): Held {
  if (!read) throw new LeaseLostError(lease.runId)
  const own = new Set(turn.record.map(({ id }) => stepKey(id)))
  const steps = own.size === 0 ? read.changes.steps : read.changes.steps.filter(({ id }) => !own.has(stepKey(id)))
  return { ...kept, ...read.changes, steps, wakeSeq: read.wakeSeq }
}

/** Records take the places after `first`, in their order. */
function recordedOf({ record }: Turn, row: Row): readonly Settlement[] {
  const first = row['first'] as number
  const settledAt = row['at'] as number
  return record.flatMap(({ id, outcome }, at) =>
    outcome.kind === 'retry' ? [] : [{ id, settledSeq: first + at + 1, settledAt }],
  )
}

function repeatedOf({ record }: Turn, row: Row): readonly Settlement[] {
  const rows = (row['recorded'] ?? []) as [k: number, settledSeq: number, settledAt: number][]
  return rows.flatMap(([k, settledSeq, settledAt]) => {
    const id = record[k - 1]?.id
    return id ? [{ id, settledSeq, settledAt }] : []
  })
}

/** What this turn set going: its rpc steps and children, its parent, itself. A repeated turn rings for everything again. */
function wakeOf({ lease, turn }: Commit, row: Row): WorkItem[] {
  const planned = new Set((row['planned'] ?? []) as number[])
  const wake: WorkItem[] = []
  turn.schedule.forEach((plan, at) => {
    if (row['verdict'] === 'apply' && !planned.has(turn.record.length + at + 1)) return
    if (plan.kind === 'rpc') {
      wake.push({ kind: 'step', runId: lease.runId, step: plan.id, rpcName: plan.rpcName, attempt: 1, dispatch: 0 })
    } else if (plan.kind === 'child') {
      wake.push(runItem(plan.child.runId, plan.child.workflow, false))
    }
  })
  if (turn.next.kind === 'yield' && turn.next.delayMs === 0 && row['leaves'] === true) {
    wake.push(runItem(lease.runId, row['workflow'] as string, false))
  }
  if (row['parent']) wake.push(...runItems([row['parent']]))
  return [...wake, ...runItems(row['orphans'])]
}

import type { Changes, RunId, Signal, Step } from '@pikku/core/contract'
import type { Database, RunRow, StepRow } from './database.ts'
import { toStep } from './rules.ts'

const maxAnswerBytes = 128 * 1024

/**
 * What changed in a run after a revision: a prefix of the order, cut before it grows too large. An answer that holds the
 * lock may carry nothing at all when the next row alone is too large; without it one row is always handed over.
 */
export function changesOf(
  db: Database,
  run: RunRow,
  ask: { readonly after: number; readonly holdsLock: boolean; readonly except?: ReadonlySet<number> },
): Changes {
  const [steps, signals]: [Step[], Signal[]] = [[], []]
  let [bytes, revision] = [0, ask.after]
  const rows = db.each<{ place: number | null; signalId: string | null; revision: number; bytes: number }>(
    `select place, null as signalId, revision, 256 + octet_length(concat(name, rpcName, output, error, reason)) as bytes
     from steps where runId = :runId and revision > :after
     union all
     select null, signalId, revision, 256 + octet_length(concat(signalId, name, payload))
     from signals where runId = :runId and revision > :after and not consumed
     order by revision`,
    { runId: run.runId, after: ask.after },
  )
  for (const row of rows) {
    if (ask.except?.has(row.revision)) continue
    bytes += row.bytes
    const isFirst = steps.length + signals.length === 0
    if (bytes > maxAnswerBytes && (ask.holdsLock || !isFirst)) return { steps, signals, revision, more: true }
    if (row.place === null) signals.push(signalOf(db, run.runId, row.signalId))
    else steps.push(toStep(stepAt(db, row.place), db.now))
    revision = row.revision
  }
  return { steps, signals, revision: run.revision, more: false }
}

function stepAt(db: Database, place: number): StepRow {
  return db.get<StepRow>('select * from steps where place = :place', { place }) as StepRow
}

function signalOf(db: Database, runId: RunId, signalId: string | null): Signal {
  const columns = 'signalId, name, payload, revision'
  return db.get(`select ${columns} from signals where runId = :runId and signalId = :signalId`, {
    runId,
    signalId,
  }) as Signal
}

import type { Changes, Run, Signal, Step } from '../contract/index.ts'
import type { MemoryTables, RunRow, SignalRow, StepRow } from './memory-tables.ts'

/** No answer carries more: what holds a lock must not wait for a slow reader. */
const maxAnswerBytes = 128 * 1024
/** What a row costs besides its texts. */
const rowBytes = 256

const utf8 = new TextEncoder()

export function toRun(run: RunRow): Run {
  const { runId, workflow, status, input, inputDigest, output, error, reason, parent, crashes } = run
  const { createdAt, updatedAt, endedAt } = run
  const shown = { runId, workflow, status, input, inputDigest, output, error, reason, parent, crashes }
  return { ...shown, tags: [...run.tags], createdAt, updatedAt, endedAt }
}

export function toStep(tables: MemoryTables, row: StepRow): Step {
  const { id, kind, status, rpcName, inputDigest, output, reason, attempt, lost, askedAfter } = row
  const { settledSeq, settledAt, revision } = row
  const error = status === 'running' ? null : row.error
  const dueInMs = row.dueAt === null ? null : row.dueAt - tables.now()
  const shown = { id, kind, status, rpcName, inputDigest, output, error, reason, attempt, lost, askedAfter }
  return { ...shown, settledSeq, settledAt, dueInMs, revision }
}

function toSignal({ signalId, name, payload, revision }: SignalRow): Signal {
  return { signalId, name, payload, revision }
}

/** `lock` answers may carry nothing at all when the next row is too large; a lock-free read always gets on. */
export interface ChangesAsk {
  readonly after: number
  readonly lock: boolean
  /** Rows the asker has written itself in this very commit. */
  readonly except?: ReadonlySet<StepRow>
}

type Change = { readonly revision: number } & ({ readonly step: StepRow } | { readonly signal: SignalRow })

/** What changed after a revision: a prefix of the order, cut before it grows too large. */
export function changesOf(tables: MemoryTables, run: RunRow, ask: ChangesAsk): Changes {
  const steps: Step[] = []
  const signals: Signal[] = []
  let bytes = 0
  let revision = ask.after
  for (const change of changesAfter(run, ask)) {
    bytes += sizeOf(change)
    const first = steps.length + signals.length === 0
    if (bytes > maxAnswerBytes && !(first && !ask.lock)) return { steps, signals, revision, more: true }
    if ('step' in change) steps.push(toStep(tables, change.step))
    else signals.push(toSignal(change.signal))
    revision = change.revision
  }
  return { steps, signals, revision: run.revision, more: false }
}

function changesAfter(run: RunRow, { after, except }: ChangesAsk): readonly Change[] {
  const changes: Change[] = []
  for (const step of run.steps.values()) {
    if (step.revision > after && !except?.has(step)) changes.push({ revision: step.revision, step })
  }
  for (const signal of run.signals.values()) {
    if (signal.revision > after && !signal.consumed) changes.push({ revision: signal.revision, signal })
  }
  return changes.sort((a, b) => a.revision - b.revision)
}

function sizeOf(change: Change): number {
  const texts =
    'step' in change
      ? [change.step.id.name, change.step.rpcName, change.step.output, change.step.error, change.step.reason]
      : [change.signal.signalId, change.signal.name, change.signal.payload]
  return texts.reduce((sum, text) => sum + (text === null ? 0 : utf8.encode(text).length), rowBytes)
}

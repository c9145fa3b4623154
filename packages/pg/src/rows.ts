import type { Changes, NewRun, Run, Signal, Step, StepDetail, StepId, WorkItem } from '@pikku/core/contract'
import type { Row } from './driver.ts'

/** The order of `runJson` in sql/fragments.ts. */
type RunJson = readonly [
  runId: string,
  workflow: string,
  status: Run['status'],
  input: string,
  inputDigest: string,
  output: string | null,
  error: string | null,
  reason: string | null,
  tags: readonly string[],
  parentRunId: string | null,
  parentStep: string | null,
  parentOrdinal: number | null,
  parentOnEnd: 'cancel' | 'abandon' | null,
  crashes: number,
  createdAt: number,
  updatedAt: number,
  endedAt: number | null,
]

/** The order of `stepJson` in sql/fragments.ts. */
type StepJson = readonly [
  change: 'step',
  revision: number,
  name: string,
  ordinal: number,
  kind: Step['kind'],
  status: Step['status'],
  rpcName: string | null,
  inputDigest: string | null,
  output: string | null,
  error: string | null,
  reason: string | null,
  attempt: number,
  lost: number,
  askedAfter: number,
  settledSeq: number | null,
  settledAt: number | null,
  dueInMs: number | null,
]

type SignalJson = readonly [change: 'signal', revision: number, signalId: string, name: string, payload: string]

export type ChangeJson = StepJson | SignalJson

export function toRun(value: unknown): Run {
  const [runId, workflow, status, input, inputDigest, output, error, reason, tags, ...rest] = value as RunJson
  const [parentRunId, parentStep, parentOrdinal, onEnd, crashes, createdAt, updatedAt, endedAt] = rest
  const step = { name: parentStep ?? '', ordinal: parentOrdinal ?? 0 }
  const parent = parentRunId === null ? null : { runId: parentRunId, step, onEnd: onEnd ?? 'cancel' }
  const texts = { runId, workflow, status, input, inputDigest, output, error, reason, tags, parent }
  return { ...texts, crashes, createdAt, updatedAt, endedAt }
}

/** A run this process has just inserted, without having its input sent back. */
export function newbornRun(run: NewRun, createdAt: number): Run {
  const { runId, workflow, input, inputDigest, tags } = run
  const open = { status: 'running', output: null, error: null, reason: null, crashes: 0, endedAt: null } as const
  return {
    runId,
    workflow,
    input,
    inputDigest,
    tags,
    parent: run.parent ?? null,
    ...open,
    createdAt,
    updatedAt: createdAt,
  }
}

function toStep(value: StepJson): Step {
  return {
    id: { name: value[2], ordinal: value[3] },
    kind: value[4],
    status: value[5],
    rpcName: value[6],
    inputDigest: value[7],
    output: value[8],
    error: value[9],
    reason: value[10],
    attempt: value[11],
    lost: value[12],
    askedAfter: value[13],
    settledSeq: value[14],
    settledAt: value[15],
    dueInMs: value[16],
    revision: value[1],
  }
}

export function toStepDetail(row: Row): StepDetail {
  const step = toStep(row['step'] as StepJson)
  const { input, created_at, started_at, worker } = row
  return {
    ...step,
    input: input as string | null,
    createdAt: created_at as number,
    startedAt: started_at as number | null,
    worker: worker as string | null,
  }
}

/** What a statement read, and what it changed itself: its snapshot shows those rows as they were before. */
export interface ReadAndChanged {
  readonly read: readonly ChangeJson[]
  readonly changed?: readonly ChangeJson[]
  /** Signals it consumed. */
  readonly consumed?: readonly string[]
}

export function toChanges(
  { read, changed = [], consumed = [] }: ReadAndChanged,
  cut: { revision: number; more: boolean },
): Changes {
  const steps = new Map<string, Step>()
  const signals: Signal[] = []
  for (const change of [...read, ...changed]) {
    if (change[0] === 'signal') {
      const [, revision, signalId, name, payload] = change
      if (!consumed.includes(signalId)) signals.push({ signalId, name, payload, revision })
      continue
    }
    const step = toStep(change)
    const key = stepKey(step.id)
    // A changed row has a new place in the order.
    steps.delete(key)
    steps.set(key, step)
  }
  return { steps: [...steps.values()], signals, revision: cut.revision, more: cut.more }
}

export function stepKey({ name, ordinal }: StepId): string {
  return `${ordinal} ${name}`
}

export function runItem(runId: string, workflow: string, held: boolean): WorkItem {
  return held ? { kind: 'run', runId, workflow, held } : { kind: 'run', runId, workflow }
}

/** Items as statements answer them: [[run id, workflow, held]] or null. */
export function runItems(value: unknown): WorkItem[] {
  return ((value ?? []) as [string, string, boolean][]).map(([runId, workflow, held]) => runItem(runId, workflow, held))
}

/** The rows of an answer by the place of their call. */
export function byCall(rows: readonly Row[], calls: number): (Row | undefined)[] {
  const places = new Array<Row | undefined>(calls)
  for (const row of rows) places[row['i'] as number] = row
  return places
}

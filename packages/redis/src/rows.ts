import type { Changes, NewRun, Run, RunId, Signal, Step, StepDetail, StepId, WorkItem } from '@pikku/core/contract'
import type { Reply } from './connection.ts'

/** A run's fields as a reader sees them, in the order of lua/include/show.lua. */
export const runFields = [
  'workflow',
  'status',
  'input',
  'inputDigest',
  'output',
  'error',
  'reason',
  'tags',
  'parentId',
  'parentStep',
  'parentOnEnd',
  'crashes',
  'createdAt',
  'updatedAt',
  'endedAt',
] as const

/** A step's fields as replay needs them, in the order of lua/include/changes.lua. */
const stepFields = [
  'revision',
  'name',
  'ordinal',
  'kind',
  'status',
  'rpcName',
  'inputDigest',
  'output',
  'error',
  'reason',
  'attempt',
  'lost',
  'askedAfter',
  'settledSeq',
  'settledAt',
  'dueAt',
] as const

/** What a person sees besides. */
export const detailFields = [...stepFields, 'input', 'createdAt', 'startedAt', 'worker'] as const

/** An array reply; what is no array has no entries. */
export function list(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]) : []
}

export function text(reply: Reply | undefined): string {
  return typeof reply === 'string' ? reply : String(reply ?? '')
}

export function textOrNull(reply: Reply | undefined): string | null {
  return reply === null || reply === undefined ? null : text(reply)
}

export function numberOrNull(reply: Reply | undefined): number | null {
  return reply === null || reply === undefined ? null : Number(reply)
}

/** Absent counters count from 0. */
export function count(reply: Reply | undefined): number {
  return Number(reply ?? 0)
}

export function toRun(runId: RunId, reply: Reply): Run {
  const [workflow, status, input, inputDigest, output, error, reason, tags, ...rest] = list(reply)
  const [parentId, parentStep, onEnd, crashes, createdAt, updatedAt, endedAt] = rest
  const parent =
    textOrNull(parentId) === null
      ? null
      : { runId: text(parentId), step: stepIdOf(text(parentStep)), onEnd: text(onEnd) as 'cancel' | 'abandon' }
  return {
    runId,
    workflow: text(workflow),
    status: text(status) as Run['status'],
    input: text(input),
    inputDigest: text(inputDigest),
    output: textOrNull(output),
    error: textOrNull(error),
    reason: textOrNull(reason),
    tags: tagsOf(tags),
    parent,
    crashes: count(crashes),
    createdAt: count(createdAt),
    updatedAt: count(updatedAt),
    endedAt: numberOrNull(endedAt),
  }
}

/** A run whose tags somebody wrote over by hand has none: it must not hide its neighbours in a list. */
export function tagsOf(reply: Reply | undefined): readonly string[] {
  try {
    const tags: unknown = JSON.parse(text(reply))
    return Array.isArray(tags) ? tags.map(String) : []
  } catch {
    // No JSON; as said above.
    return []
  }
}

/** A run that was just inserted, without having its input sent back. */
export function newbornRun(run: NewRun, createdAt: number): Run {
  const { runId, workflow, input, inputDigest, tags } = run
  const open = { status: 'running', output: null, error: null, reason: null, crashes: 0, endedAt: null } as const
  const parent = run.parent ?? null
  return { runId, workflow, input, inputDigest, tags, parent, ...open, createdAt, updatedAt: createdAt }
}

/** `now` is the server's clock at the moment of reading. */
function toStep(reply: Reply, now: number): Step {
  const [revision, name, ordinal, kind, status, rpcName, inputDigest, output, error, reason, ...rest] = list(reply)
  const [attempt, lost, askedAfter, settledSeq, settledAt, dueAt] = rest
  return {
    id: { name: text(name), ordinal: count(ordinal) },
    kind: text(kind) as Step['kind'],
    status: text(status) as Step['status'],
    rpcName: textOrNull(rpcName),
    inputDigest: textOrNull(inputDigest),
    output: textOrNull(output),
    // The error of an attempt before this one.
    error: status === 'running' ? null : textOrNull(error),
    reason: textOrNull(reason),
    attempt: count(attempt),
    lost: count(lost),
    askedAfter: count(askedAfter),
    settledSeq: numberOrNull(settledSeq),
    settledAt: numberOrNull(settledAt),
    dueInMs: textOrNull(dueAt) === null ? null : count(dueAt) - now,
    revision: count(revision),
  }
}

/** `reply`: the values of `detailFields`. */
export function toStepDetail(reply: Reply, now: number): StepDetail {
  const [input, createdAt, startedAt, worker] = list(reply).slice(stepFields.length)
  return {
    ...toStep(reply, now),
    input: textOrNull(input),
    createdAt: count(createdAt),
    startedAt: numberOrNull(startedAt),
    worker: textOrNull(worker),
  }
}

/** { revision, more, rows } of lua/include/changes.lua. */
export function toChanges(reply: Reply, now: number): Changes {
  const [revision, more, rows] = list(reply)
  const steps: Step[] = []
  const signals: Signal[] = []
  for (const row of list(rows)) {
    const [what, values = null] = list(row)
    if (what === 'step') steps.push(toStep(values, now))
    else signals.push(toSignal(values))
  }
  return { steps, signals, revision: count(revision), more: more === '1' }
}

function toSignal(reply: Reply): Signal {
  const [revision, signalId, name, payload] = list(reply)
  return { signalId: text(signalId), name: text(name), payload: text(payload), revision: count(revision) }
}

/** A step as keys and scripts name it. */
export function stepKey({ name, ordinal }: StepId): string {
  return `${ordinal} ${name}`
}

export function stepIdOf(key: string): StepId {
  const space = key.indexOf(' ')
  return { ordinal: Number(key.slice(0, space)), name: key.slice(space + 1) }
}

export function runItem(runId: RunId, workflow: string, held: boolean): WorkItem {
  return held ? { kind: 'run', runId, workflow, held } : { kind: 'run', runId, workflow }
}

/** An item as scripts answer it; see `run_item` and `step_item` in lua/include. */
export function toItem(reply: Reply): WorkItem {
  const [kind, runId, what, more, attempt, dispatch] = list(reply)
  if (kind === 'run') return runItem(text(runId), text(what), more === '1')
  const step = stepIdOf(text(what))
  const dispatched = { attempt: count(attempt), dispatch: count(dispatch) }
  return { kind: 'step', runId: text(runId), step, rpcName: text(more), ...dispatched }
}

/** An item, or nothing to ring. */
export function toItems(reply: Reply | undefined): readonly WorkItem[] {
  return reply === null || reply === undefined ? [] : [toItem(reply)]
}

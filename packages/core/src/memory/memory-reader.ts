import type { Attempt, Payload, Run, RunId, RunQuery, StepDetail } from '../contract/index.ts'
import { isEnded } from '../domain/run-state.ts'
import { toRun, toStep } from './memory-changes.ts'
import type { MemoryTables, RunRow, StepRow } from './memory-tables.ts'

export function getRun(tables: MemoryTables, runId: RunId): Run | null {
  const run = tables.runs.get(runId)
  return run ? toRun(run) : null
}

export function listSteps(tables: MemoryTables, runId: RunId): StepDetail[] {
  return [...(tables.runs.get(runId)?.steps.values() ?? [])].map((step) => {
    const { createdAt, startedAt, worker } = step
    return { ...toStep(tables, step), input: inputOf(tables, step), createdAt, startedAt, worker }
  })
}

function inputOf(tables: MemoryTables, step: StepRow): Payload | null {
  return step.childId === null ? step.input : (tables.runs.get(step.childId)?.input ?? null)
}

/** Earlier attempts are rows of their own; the one that settled a step lives in the step's row. */
export function listAttempts(tables: MemoryTables, runId: RunId): Attempt[] {
  const run = tables.runs.get(runId)
  if (!run) return []
  const earlier = run.attempts.map(({ step, revision, ...attempt }) => ({
    revision,
    attempt: { ...stepOf(step), output: null, ...attempt },
  }))
  return [...earlier, ...settledAttempts(run)].sort((a, b) => a.revision - b.revision).map(({ attempt }) => attempt)
}

function settledAttempts(run: RunRow): { revision: number; attempt: Attempt }[] {
  const found: { revision: number; attempt: Attempt }[] = []
  for (const step of run.steps.values()) {
    if (step.kind !== 'rpc' && step.kind !== 'inline') continue
    if (step.settledAt === null || (step.status !== 'succeeded' && step.status !== 'failed')) continue
    const { status: outcome, attempt, output, error, worker, settledAt: endedAt, revision } = step
    const startedAt = step.startedAt ?? endedAt
    found.push({ revision, attempt: { ...stepOf(step), attempt, outcome, output, error, worker, startedAt, endedAt } })
  }
  return found
}

function stepOf({ id, kind, rpcName }: StepRow): Pick<Attempt, 'step' | 'kind' | 'rpcName'> {
  return { step: id, kind: kind === 'rpc' ? 'rpc' : 'inline', rpcName }
}

export function listRuns(tables: MemoryTables, query: RunQuery): { runs: Run[]; cursor: string | null } {
  const before = query.cursor === undefined ? Infinity : Number(query.cursor)
  const found = [...tables.runs.values()]
    .filter((run) => run.place < before && matches(run, query))
    .sort((a, b) => b.place - a.place)
  const page = found.slice(0, query.limit)
  const last = page.at(-1)
  return { runs: page.map(toRun), cursor: last && found.length > page.length ? String(last.place) : null }
}

function matches(run: RunRow, query: RunQuery): boolean {
  return (
    (query.workflow === undefined || run.workflow === query.workflow) &&
    (query.statuses === undefined || query.statuses.includes(run.status)) &&
    (query.tags ?? []).every((tag) => run.tags.includes(tag)) &&
    (query.createdAfter === undefined || run.createdAt > query.createdAfter) &&
    (query.createdBefore === undefined || run.createdAt < query.createdBefore)
  )
}

/** Which ended runs to delete. */
export interface DeleteRuns {
  readonly finishedBefore: number
  readonly statuses?: readonly Run['status'][]
  readonly limit: number
}

export function deleteRuns(tables: MemoryTables, which: DeleteRuns): number {
  const ended = [...tables.runs.values()]
    .filter((run) => isEnded(run.status) && (which.statuses?.includes(run.status) ?? true))
    .filter((run) => (run.endedAt ?? Infinity) < which.finishedBefore)
    .sort((a, b) => (a.endedAt ?? 0) - (b.endedAt ?? 0))
    .slice(0, which.limit)
  for (const run of ended) tables.runs.delete(run.runId)
  return ended.length
}

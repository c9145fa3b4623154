import { randomUUID } from 'node:crypto'
import type { StepId, WorkItem } from '../contract/index.ts'
import { isName, isRunId } from '../domain/names.ts'
import { uuidOf } from './job-id.ts'

/** What is known of a message before it was looked at. */
type Foreign = Partial<Readonly<Record<string, unknown>>>

/**
 * An item as a job. A step item's id follows from its key, which is never used twice, so that a doubled ring is dropped;
 * a run may be rung again at any time.
 */
export function toMessage(item: WorkItem): { readonly id: string; readonly data: WorkItem } {
  if (item.kind === 'run') {
    return { id: randomUUID(), data: { kind: 'run', runId: item.runId, workflow: item.workflow } }
  }
  const { runId, step, rpcName, attempt, dispatch } = item
  const id = uuidOf('step', runId, step.name, step.ordinal, attempt, dispatch)
  return {
    id,
    data: { kind: 'step', runId, step: { name: step.name, ordinal: step.ordinal }, rpcName, attempt, dispatch },
  }
}

/** The item of a message, or undefined if it is not one: anybody may put anything into a queue. */
export function fromMessage(data: unknown, kind: WorkItem['kind']): WorkItem | undefined {
  if (!isRecord(data) || data.kind !== kind) return undefined
  const { runId, workflow, rpcName, attempt, dispatch } = data
  if (!isRunId(runId)) return undefined
  if (kind === 'run') return isName(workflow) ? { kind, runId, workflow } : undefined
  const step = toStepId(data.step)
  if (!step || !isName(rpcName) || !isCount(attempt) || !isCount(dispatch)) return undefined
  return { kind, runId, step, rpcName, attempt, dispatch }
}

function toStepId(step: unknown): StepId | undefined {
  if (!isRecord(step)) return undefined
  const { name, ordinal } = step
  return isName(name) && isCount(ordinal) ? { name, ordinal } : undefined
}

function isRecord(value: unknown): value is Foreign {
  return typeof value === 'object' && value !== null
}

/** As far as every store counts. */
const COUNT_MAX = 2_147_483_647

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= COUNT_MAX
}

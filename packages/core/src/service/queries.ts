import type { RunQuery, RunStatus, WorkflowAdmin } from '../contract/index.ts'
import { RunNotFoundError } from '../contract/index.ts'
import { checkedElsewhere, checkOptions, type OptionRule } from '../domain/check-options.ts'
import { assertTags, isName, isRunId } from '../domain/names.ts'

/** Which runs to list. */
export interface ListRuns {
  /** Runs of the workflow of this name. Default: of all. */
  readonly workflow?: string
  /** Runs in this status, or in one of these. Default: in any. */
  readonly status?: RunStatus | readonly RunStatus[]
  /** Runs that carry all of these. */
  readonly tags?: readonly string[]
  /** Started later than this. */
  readonly createdAfter?: Date
  /** Started earlier than this. */
  readonly createdBefore?: Date
  /** Default 50, at most 1,000. */
  readonly limit?: number
  /** `cursor` of the page before. */
  readonly cursor?: string
}

/** Which runs to delete. */
export interface DeleteRuns {
  /** Runs that ended earlier than this. */
  readonly finishedBefore: Date
  /** Default: all that have ended. */
  readonly status?: RunStatus | readonly RunStatus[]
  /** Default 1,000. */
  readonly limit?: number
}

const ended: readonly RunStatus[] = ['completed', 'failed', 'cancelled']

const text: OptionRule = { accepts: (value) => typeof value === 'string', accepted: 'a string' }
const date: OptionRule = {
  accepts: (value) => value instanceof Date && !Number.isNaN(value.getTime()),
  accepted: 'a valid Date',
}

function oneOf(statuses: readonly RunStatus[]): OptionRule {
  const known: ReadonlySet<unknown> = new Set(statuses)
  return {
    accepts: (value) => [value].flat().every((status) => known.has(status)),
    accepted: `one or several of ${statuses.map((status) => `'${status}'`).join(', ')}`,
  }
}

function whole(most: number): OptionRule {
  return {
    accepts: (value) => Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= most,
    accepted: `a whole number from 1 to ${most}`,
  }
}

const listRules: Readonly<Record<keyof ListRuns, OptionRule>> = {
  workflow: text,
  status: oneOf(['running', 'suspended', ...ended]),
  tags: checkedElsewhere,
  createdAfter: date,
  createdBefore: date,
  limit: whole(1_000),
  cursor: text,
}

const deleteRules: Readonly<Record<keyof DeleteRuns, OptionRule>> = {
  finishedBefore: { ...date, required: true },
  status: oneOf(ended),
  limit: whole(100_000),
}

/** Null: nothing can be found by it, because no workflow can have that name. @throws WorkflowError `INVALID_INPUT`, `INVALID_NAME` */
export function toRunQuery(which: ListRuns): RunQuery | null {
  checkOptions({ name: 'listRuns', code: 'INVALID_INPUT' }, listRules, which)
  const { workflow, status, tags, createdAfter, createdBefore, limit = 50, cursor } = which
  if (tags !== undefined) assertTags(tags, 'listRuns: tags')
  if (workflow !== undefined && !isName(workflow)) return null
  return {
    limit,
    ...(workflow === undefined ? {} : { workflow }),
    ...(status === undefined ? {} : { statuses: [status].flat() }),
    ...(tags === undefined ? {} : { tags }),
    ...(createdAfter === undefined ? {} : { createdAfter: createdAfter.getTime() }),
    ...(createdBefore === undefined ? {} : { createdBefore: createdBefore.getTime() }),
    ...(cursor === undefined ? {} : { cursor }),
  }
}

/** @throws WorkflowError `INVALID_INPUT` */
export function toDeletion(which: DeleteRuns): Parameters<WorkflowAdmin['deleteRuns']>[0] {
  checkOptions({ name: 'deleteRuns', code: 'INVALID_INPUT' }, deleteRules, which)
  const { finishedBefore, status, limit = 1_000 } = which
  return {
    finishedBefore: finishedBefore.getTime(),
    limit,
    ...(status === undefined ? {} : { statuses: [status].flat() }),
  }
}

/** What can be no run's id is never asked the database for. @throws RunNotFoundError */
export function assertPossible(runId: unknown): void {
  if (!isRunId(runId)) throw new RunNotFoundError(String(runId))
}

import type { Attempt, Run, RunQuery, WorkflowAdmin, WorkflowReader } from '@pikku/core/contract'
import type { Database, RunRow, StepRow } from './database.ts'
import { findRun, toRun, toStep } from './rules.ts'

export function sqliteReader(db: Database): WorkflowReader {
  return {
    getRun: (runId) =>
      db.read(() => {
        const run = findRun(db, runId)
        return run ? toRun(run) : null
      }),
    listSteps: (runId) =>
      db.read(() => {
        const rows = db.all<StepRow & { childInput: string | null }>(
          `select steps.*, child.input as childInput from steps left join runs as child on child.runId = childId
           where steps.runId = :runId order by steps.place`,
          { runId },
        )
        return rows.map((row) => {
          const { input, childInput, createdAt, startedAt, owner: worker } = row
          return { ...toStep(row, db.now), input: input ?? childInput, createdAt, startedAt, worker }
        })
      }),
    listAttempts: (runId) =>
      db.read(() => {
        const rows = db.all<Omit<Attempt, 'step'> & { name: string; ordinal: number }>(attemptsOfRun, { runId })
        return rows.map(({ name, ordinal, ...attempt }) => ({ step: { name, ordinal }, ...attempt }))
      }),
    listRuns: (query) => db.read(() => listRuns(db, query)),
  }
}

/** Those that did not settle their step, and those that did, which are kept in the steps' own rows. */
const attemptsOfRun = `
  select name, ordinal, kind, rpcName, attempt, outcome, output, error, worker, startedAt, endedAt from (
    select name, ordinal, kind, rpcName, attempts.attempt, outcome, null as output, attempts.error, worker,
      attempts.startedAt, endedAt, attempts.revision
    from attempts join steps using (runId, name, ordinal) where runId = :runId
    union all
    select name, ordinal, kind, rpcName, attempt, status, output, error, owner, startedAt, settledAt, revision
    from steps where runId = :runId and settledSeq is not null and kind in ('rpc', 'inline')
  ) order by revision`

function listRuns(db: Database, query: RunQuery): { runs: Run[]; cursor: string | null } {
  const { workflow = null, statuses, tags = [], createdAfter = -1, cursor, limit } = query
  const rows = db.all<RunRow>(
    `select * from runs
     where place < :before and (:workflow is null or workflow = :workflow)
       and (:statuses is null or status in (select value from json_each(:statuses)))
       and not exists (
         select 1 from json_each(:tags) as wanted
         where not exists (select 1 from json_each(runs.tags) as tag where tag.value = wanted.value)
       )
       and createdAt > :createdAfter and createdAt < :createdBefore
     order by place desc limit :limit + 1`,
    {
      ...{ before: Number(cursor ?? Number.MAX_SAFE_INTEGER), workflow, tags: JSON.stringify(tags), limit },
      ...{ statuses: listOf(statuses), createdAfter, createdBefore: query.createdBefore ?? Number.MAX_SAFE_INTEGER },
    },
  )
  const page = rows.slice(0, limit)
  return { runs: page.map(toRun), cursor: rows.length > limit ? String(page.at(-1)?.place) : null }
}

function listOf(statuses: RunQuery['statuses']): string | null {
  return statuses ? JSON.stringify(statuses) : null
}

export function sqliteAdmin(db: Database): WorkflowAdmin {
  return {
    migrate: () => db.write(() => db.migrate()),
    deleteRuns: ({ finishedBefore, statuses, limit }) =>
      db.write(() => {
        const ended = db.all<{ place: number }>(
          `select place from runs where endedAt < :finishedBefore
             and (:statuses is null or status in (select value from json_each(:statuses)))
           order by endedAt limit :limit`,
          { finishedBefore, statuses: listOf(statuses), limit },
        )
        for (const { place } of ended) db.run('delete from runs where place = :place', { place })
        return ended.length
      }),
  }
}

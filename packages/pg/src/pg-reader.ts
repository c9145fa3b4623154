import type { Attempt, Run, RunId, RunQuery, StepDetail, WorkflowAdmin, WorkflowReader } from '@pikku/core/contract'
import { WorkflowError } from '@pikku/core/contract'
import type { Database } from './database.ts'
import type { Parameter, Row, Statement } from './driver.ts'
import { byCall, toRun, toStepDetail } from './rows.ts'
import { deleteRuns } from './sql/delete-runs.ts'
import { getRuns, listAttempts, listRuns, listSteps } from './sql/read-runs.ts'

type Query = (parameters: readonly Parameter[]) => Promise<readonly Row[]>

function reading(db: Database, statement: Statement): Query {
  return db.single(statement.name, (parameters) => db.query('reading', statement, parameters))
}

/** Of text in one answer; the run that goes beyond it is whole. */
const answerBytes = 1024 * 1024

/** Every waiter looks at its run when it begins and when it hears of it: hundreds in one turn of the event loop. */
function readingRuns(db: Database): (runId: RunId) => Promise<Run | null> {
  const statement = getRuns(db.schema)
  return db.lane<RunId, Run | null>({
    name: 'getRun',
    maxCalls: 200,
    maxStatements: 2,
    sizeOf: (runId) => runId.length,
    send: async (runIds) => {
      const rows = byCall(await db.query('reading', statement, [JSON.stringify(runIds), answerBytes]), runIds.length)
      return runIds.map((_runId, at) => {
        const row = rows[at]
        if (!row) return { kind: 'answer', answer: null }
        return row['run'] === null ? { kind: 'stale' } : { kind: 'answer', answer: toRun(row['run']) }
      })
    },
  })
}

/** PostgreSQL has no run of this id and could not be asked for it either. */
function isUnknowable(runId: RunId): boolean {
  return runId.includes('\0') || !runId.isWellFormed()
}

/** For consoles: reads alone. */
export class PgReader implements WorkflowReader {
  readonly #db: Database
  readonly #getRun: (runId: RunId) => Promise<Run | null>
  readonly #listSteps: Query
  readonly #listAttempts: Query
  readonly #listRuns: Readonly<Record<'all' | 'workflow' | 'tags', Query>>

  constructor(db: Database) {
    this.#db = db
    this.#getRun = readingRuns(db)
    this.#listSteps = reading(db, listSteps(db.schema))
    this.#listAttempts = reading(db, listAttempts(db.schema))
    const list = (by: 'all' | 'workflow' | 'tags'): Query => reading(db, listRuns(db.schema, by))
    this.#listRuns = { all: list('all'), workflow: list('workflow'), tags: list('tags') }
  }

  async getRun(runId: RunId): Promise<Run | null> {
    if (isUnknowable(runId)) return null
    return this.#getRun(runId)
  }

  async listSteps(runId: RunId): Promise<readonly StepDetail[]> {
    if (isUnknowable(runId)) return []
    return (await this.#listSteps([runId, this.#db.offsetMs])).map(toStepDetail)
  }

  async listAttempts(runId: RunId): Promise<readonly Attempt[]> {
    if (isUnknowable(runId)) return []
    return (await this.#listAttempts([runId])).map(toAttempt)
  }

  async listRuns(query: RunQuery): Promise<{ runs: readonly Run[]; cursor: string | null }> {
    const tags = query.tags ?? []
    const by = query.workflow !== undefined ? 'workflow' : tags.length > 0 ? 'tags' : 'all'
    const [createdAt, runId] = placeOf(query.cursor)
    const statuses = query.statuses ? JSON.stringify(query.statuses) : null
    const between = [query.createdAfter ?? null, query.createdBefore ?? null]
    // One more than asked for tells whether there is a next page.
    const limit = query.limit + 1
    const rows = await this.#listRuns[by]([
      query.workflow ?? null,
      statuses,
      JSON.stringify(tags),
      ...between,
      createdAt,
      runId,
      limit,
    ])
    const runs = rows.slice(0, query.limit).map((row) => toRun(row['run']))
    const last = rows[query.limit - 1]
    const cursor = last && rows.length > query.limit ? JSON.stringify([last['place'], runs.at(-1)?.runId]) : null
    return { runs, cursor }
  }
}

function placeOf(cursor: string | undefined): readonly [number | null, string | null] {
  if (cursor === undefined) return [null, null]
  const place: unknown = parseCursor(cursor)
  if (!Array.isArray(place) || !Number.isSafeInteger(place[0]) || !isStorable(place[1])) throw notACursor(cursor)
  return [place[0] as number, place[1]]
}

/** What PostgreSQL takes for a text. */
function isStorable(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\0')
}

function notACursor(cursor: string, options?: ErrorOptions): WorkflowError {
  return new WorkflowError('INVALID_INPUT', `not a cursor of this list: '${cursor.slice(0, 100)}'`, options)
}

function parseCursor(cursor: string): unknown {
  try {
    return JSON.parse(cursor)
  } catch (cause) {
    throw notACursor(cursor, { cause })
  }
}

function toAttempt(row: Row): Attempt {
  return {
    step: { name: row['name'] as string, ordinal: row['ordinal'] as number },
    kind: row['kind'] as Attempt['kind'],
    rpcName: row['rpc_name'] as string | null,
    attempt: row['attempt'] as number,
    outcome: row['outcome'] as Attempt['outcome'],
    output: row['output'] as string | null,
    error: row['error'] as string | null,
    worker: row['worker'] as string | null,
    startedAt: row['started_at'] as number,
    endedAt: row['ended_at'] as number,
  }
}

/** What an operator does to the whole of it. */
export class PgAdmin implements WorkflowAdmin {
  readonly #db: Database
  readonly #deleteRuns: Query

  constructor(db: Database) {
    this.#db = db
    const statement = deleteRuns(db.schema)
    this.#deleteRuns = db.single('deleteRuns', (parameters) => db.query('reading', statement, parameters))
  }

  migrate(): Promise<void> {
    return this.#db.migrate()
  }

  async deleteRuns(which: {
    finishedBefore: number
    statuses?: readonly Run['status'][]
    limit: number
  }): Promise<number> {
    const statuses = which.statuses ? JSON.stringify(which.statuses) : null
    let deleted = 0
    for (let more = true; more && deleted < which.limit;) {
      const [row] = await this.#deleteRuns([which.finishedBefore, statuses, which.limit - deleted])
      deleted += row?.['deleted'] as number
      more = row?.['more'] === true
    }
    return deleted
  }
}

import { WorkflowError } from '@pikku/core/contract'
import type { Attempt, Run, RunId, RunQuery, StepDetail, WorkflowReader } from '@pikku/core/contract'
import type { Bucket, Command, RedisLink, Reply } from './connection.ts'
import { IndexWalk } from './index-walk.ts'
import type { Place } from './index-walk.ts'
import {
  count,
  detailFields,
  list,
  numberOrNull,
  runFields,
  tagsOf,
  text,
  textOrNull,
  toRun,
  toStepDetail,
} from './rows.ts'

/** So many rows are read at once: nobody else waits for long. */
const rowsAtOnce = 100

const attemptFields = ['revision', 'place', 'attempt', 'outcome', 'error', 'worker', 'startedAt', 'endedAt'] as const

/** Redis has no run of this id, and would take it for another. */
function isUnknowable(runId: RunId): boolean {
  return !runId.isWellFormed()
}

/** For consoles: reads alone. What changes while it reads may be seen half. */
export class RedisReader implements WorkflowReader {
  readonly #link: RedisLink

  constructor(link: RedisLink) {
    this.#link = link
  }

  async getRun(runId: RunId): Promise<Run | null> {
    await this.#link.ready()
    const [run] = await this.#runs([{ runId, bucket: this.#link.bucketOf(runId) }])
    return isUnknowable(runId) ? null : (run ?? null)
  }

  async listSteps(runId: RunId): Promise<readonly StepDetail[]> {
    const rows = await this.#steps(runId)
    const now = Number(await this.#link.call('clock', this.#link.bucketOf(runId), []))
    const inputs = await this.#childInputs(rows)
    return rows.map(({ values, childId }) => {
      const step = toStepDetail(values, now)
      return childId === null ? step : { ...step, input: inputs.get(childId) ?? null }
    })
  }

  async listAttempts(runId: RunId): Promise<readonly Attempt[]> {
    const steps = (await this.#steps(runId)).map(({ values, place }) => ({ place, step: toStepDetail(values, 0) }))
    const byPlace = new Map(steps.map(({ place, step }) => [place, step]))
    const earlier = (await this.#rows(runId, { counter: 'attempts', kind: 'attempt', fields: attemptFields })).flatMap(
      ({ values }) => {
        const step = byPlace.get(count(list(values)[1]))
        return step ? [toEarlier(step, values)] : []
      },
    )
    const settled = steps.flatMap(({ step }) => toSettled(step))
    return [...earlier, ...settled].sort((a, b) => a.revision - b.revision).map(({ attempt }) => attempt)
  }

  async listRuns(query: RunQuery): Promise<{ runs: readonly Run[]; cursor: string | null }> {
    await this.#link.ready()
    const after = placeOf(query.cursor)
    if (query.statuses?.length === 0) return { runs: [], cursor: null }
    const indexes = await this.#smallestIndexes(query)
    const { createdAfter: later, createdBefore: earlier } = query
    const walk = new IndexWalk(this.#link, { indexes, order: 'newest first', after, later, earlier })
    const found: Run[] = []
    // One more than asked for tells whether there is a next page.
    while (found.length <= query.limit) {
      const next = await take(walk, Math.min(rowsAtOnce, Math.max(10, query.limit + 1 - found.length)))
      if (next.length === 0) break
      found.push(...(await this.#matching(next, query)))
    }
    const runs = found.slice(0, query.limit)
    const last = runs.at(-1)
    const cursor = last && found.length > runs.length ? JSON.stringify([last.createdAt, last.runId]) : null
    return { runs, cursor }
  }

  /** Of the indexes that hold all runs it may find, those with the fewest. */
  async #smallestIndexes({ workflow, statuses, tags = [] }: RunQuery): Promise<readonly string[]> {
    const choices = tags.map((tag) => [`runs:tag:${tag}`])
    if (workflow !== undefined) choices.push([`runs:of:${workflow}`])
    if (statuses) choices.push([...new Set(statuses)].map((status) => `runs:is:${status}`))
    if (choices.length < 2) return choices[0] ?? ['runs']
    const names = choices.flat()
    const sizes = new Map<string, number>()
    await Promise.all(
      this.#link.buckets.map(async (bucket) => {
        const found = await this.#link.read(
          bucket,
          names.map((name): Command => ['zcard', `${bucket.root}:${name}`]),
        )
        names.forEach((name, at) => sizes.set(name, (sizes.get(name) ?? 0) + count(found[at])))
      }),
    )
    const sizeOf = (indexes: readonly string[]): number =>
      indexes.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0)
    return choices.reduce((least, choice) => (sizeOf(choice) < sizeOf(least) ? choice : least))
  }

  /** What does not match is not read: its payloads may be large. */
  async #matching(places: readonly Located[], query: RunQuery): Promise<Run[]> {
    const narrow = await this.#read(places, ['workflow', 'status', 'tags'])
    const matching = places.filter((_place, at) => {
      const [workflow = null, status = null, tags = null] = list(narrow[at])
      // Deleted, since its index was read.
      if (status === null) return false
      const carried = tagsOf(tags)
      return (
        (query.workflow === undefined || query.workflow === workflow) &&
        (query.statuses === undefined || query.statuses.some((wanted) => wanted === status)) &&
        (query.tags ?? []).every((tag) => carried.includes(tag))
      )
    })
    return this.#runs(matching)
  }

  async #runs(places: readonly Located[]): Promise<Run[]> {
    const rows = await this.#read(places, runFields)
    return places.flatMap(({ runId }, at) => {
      const row = rows[at] ?? null
      return list(row)[0] === null || row === null ? [] : [toRun(runId, row)]
    })
  }

  /** Fields of runs, by their place; those of one bucket travel together. */
  async #read(places: readonly Located[], fields: readonly string[]): Promise<readonly (Reply | undefined)[]> {
    const rows: (Reply | undefined)[] = places.map(() => undefined)
    const byBucket = Map.groupBy(places.keys(), (at) => places[at]?.bucket)
    await Promise.all(
      [...byBucket].map(async ([bucket, ats]) => {
        if (!bucket) return
        const commands = ats.map((at): Command => ['hmget', `${bucket.root}:run:${places[at]?.runId ?? ''}`, ...fields])
        const found = await this.#link.read(bucket, commands)
        ats.forEach((at, nth) => (rows[at] = found[nth]))
      }),
    )
    return rows
  }

  async #steps(runId: RunId): Promise<readonly StepValues[]> {
    await this.#link.ready()
    const fields = [...detailFields, 'childId']
    const rows = await this.#rows(runId, { counter: 'places', kind: 'step', fields })
    return rows.map(({ number, values }) => ({
      place: number,
      values,
      childId: textOrNull(list(values)[detailFields.length]),
    }))
  }

  /** The rows of a run that are numbered from 1 on. */
  async #rows(
    runId: RunId,
    { counter, kind, fields }: Numbered,
  ): Promise<readonly { number: number; values: Reply }[]> {
    if (isUnknowable(runId)) return []
    const bucket = this.#link.bucketOf(runId)
    const [total = null] = await this.#link.read(bucket, [['hget', `${bucket.root}:run:${runId}`, counter]])
    const rows: { number: number; values: Reply }[] = []
    for (let first = 1; first <= count(total); first += rowsAtOnce) {
      const numbers = Array.from({ length: Math.min(rowsAtOnce, count(total) + 1 - first) }, (_, at) => first + at)
      const commands = numbers.map((number): Command => [
        'hmget',
        `${bucket.root}:${kind}:${number}:${runId}`,
        ...fields,
      ])
      const found = await this.#link.read(bucket, commands)
      numbers.forEach((number, at) => {
        const values = found[at] ?? null
        // Without a revision it is gone: its run is being deleted.
        if (list(values)[0] !== null) rows.push({ number, values })
      })
    }
    return rows
  }

  /** A child step's input is its run's. */
  async #childInputs(rows: readonly StepValues[]): Promise<ReadonlyMap<RunId, string | null>> {
    const ids = rows.flatMap(({ childId }) => (childId === null ? [] : [childId]))
    const inputs = await this.#read(
      ids.map((runId) => ({ runId, bucket: this.#link.bucketOf(runId) })),
      ['input'],
    )
    return new Map(ids.map((runId, at) => [runId, textOrNull(list(inputs[at])[0])]))
  }
}

interface Located {
  readonly runId: RunId
  readonly bucket: Bucket
}

interface Numbered {
  /** The run's field that says how many there are. */
  readonly counter: string
  readonly kind: string
  readonly fields: readonly string[]
}

interface StepValues {
  readonly place: number
  readonly values: Reply
  readonly childId: RunId | null
}

async function take(walk: IndexWalk, limit: number): Promise<Located[]> {
  const taken: Located[] = []
  while (taken.length < limit) {
    const next = await walk.next()
    if (!next) break
    taken.push(next)
  }
  return taken
}

interface Ended {
  readonly revision: number
  readonly attempt: Attempt
}

/** An attempt that did not settle its step has a row of its own. */
function toEarlier(step: StepDetail, values: Reply): Ended {
  const [revision, , attempt, outcome, error, worker, startedAt, endedAt] = list(values)
  return {
    revision: count(revision),
    attempt: {
      ...stepOf(step),
      attempt: count(attempt),
      outcome: text(outcome) as Attempt['outcome'],
      output: null,
      error: textOrNull(error),
      worker: textOrNull(worker),
      startedAt: numberOrNull(startedAt) ?? count(endedAt),
      endedAt: count(endedAt),
    },
  }
}

/** The one that settled it is in the step's own row. */
function toSettled(step: StepDetail): Ended[] {
  const { kind, status: outcome, settledAt: endedAt, attempt, output, error, worker, revision } = step
  if ((kind !== 'rpc' && kind !== 'inline') || endedAt === null) return []
  if (outcome !== 'succeeded' && outcome !== 'failed') return []
  const startedAt = step.startedAt ?? endedAt
  return [{ revision, attempt: { ...stepOf(step), attempt, outcome, output, error, worker, startedAt, endedAt } }]
}

function stepOf({ id, kind, rpcName }: StepDetail): Pick<Attempt, 'step' | 'kind' | 'rpcName'> {
  return { step: id, kind: kind === 'rpc' ? 'rpc' : 'inline', rpcName }
}

function placeOf(cursor: string | undefined): Place | null {
  if (cursor === undefined) return null
  const place: unknown = parseCursor(cursor)
  if (!Array.isArray(place) || !Number.isSafeInteger(place[0]) || typeof place[1] !== 'string') throw notACursor(cursor)
  return { at: place[0] as number, runId: place[1] }
}

function parseCursor(cursor: string): unknown {
  try {
    return JSON.parse(cursor)
  } catch (cause) {
    throw notACursor(cursor, cause)
  }
}

function notACursor(cursor: string, cause?: unknown): WorkflowError {
  return new WorkflowError('INVALID_INPUT', `not a cursor of this list: '${cursor.slice(0, 100)}'`, { cause })
}

import { randomUUID } from 'node:crypto'
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { WorkflowQueues, WorkItem } from '@pikku/core/contract'
import { backoffMs, fromMessage, toMessage, type JobPlan } from '@pikku/core/queue'

// #region schema
type Params = Record<string, SQLInputValue>

const schema = `
  create table if not exists jobs (
    place integer primary key autoincrement, queue text not null, id text not null, data text not null,
    plan text not null, priority integer not null, status text not null, attemptsOver integer not null,
    createdAt integer not null, notBefore integer not null, startedAt integer, finishedAt integer, expiresAt integer,
    progress text, result text, failedReason text, holder text, leaseUntil integer, unique (queue, id)
  ) strict;
  create index if not exists queued_jobs on jobs (queue, priority desc, place) where status = 'queued';
  create index if not exists active_jobs on jobs (leaseUntil) where status = 'active';
  create index if not exists ended_jobs on jobs (expiresAt) where expiresAt is not null;

  create table if not exists bells (
    place integer primary key autoincrement, queue text not null, id text not null unique, item text not null
  ) strict;
  create index if not exists bells_of_queue on bells (queue, place);
`

export interface JobRow {
  readonly place: number
  readonly queue: string
  /** As JSON: ids may hold what no database takes as text. */
  readonly id: string
  readonly data: string
  /** A `JobPlan` as JSON. */
  readonly plan: string
  readonly status: 'queued' | 'active' | 'completed' | 'failed'
  /** Grows with every attempt that failed or was lost. */
  readonly attemptsOver: number
  readonly createdAt: number
  readonly notBefore: number
  readonly startedAt: number | null
  readonly finishedAt: number | null
  readonly progress: string | null
  readonly result: string | null
  readonly failedReason: string | null
  /** Names one delivery: whoever writes about a job must be its holder still. */
  readonly holder: string | null
}
// #endregion

// #region adding
/** One connection, and all that is asked of it. Every method is one transaction. */
export class QueueTables {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
    db.exec(`pragma journal_mode = wal; ${schema}`)
  }

  get isOpen(): boolean {
    return this.#db.isOpen
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close()
  }

  /** The job's id, also when it was there already. */
  add(queue: string, plan: JobPlan, data: string): string {
    const id = plan.jobId ?? randomUUID()
    const now = Date.now()
    this.#clear(now)
    this.#run(
      `insert into jobs (queue, id, data, plan, priority, status, attemptsOver, createdAt, notBefore)
       values (:queue, :id, :data, :plan, :priority, 'queued', 0, :now, :notBefore) on conflict do nothing`,
      {
        ...{ queue, id: JSON.stringify(id), data, plan: JSON.stringify(plan) },
        ...{ priority: plan.priority, now, notBefore: now + plan.delayMs },
      },
    )
    return id
  }

  find(queue: string, id: string): JobRow | undefined {
    if (typeof id !== 'string') return undefined
    this.#clear(Date.now())
    return this.#all<JobRow>('select * from jobs where queue = :queue and id = :id', {
      queue,
      id: JSON.stringify(id),
    })[0]
  }

  /** Jobs over their age are unknown to everybody. */
  #clear(now: number): void {
    this.#run('delete from jobs where expiresAt <= :now', { now })
  }
  // #endregion

  // #region taking
  /** The most urgent job that is due, for this holder until its lease is over; undefined: there is none. */
  take(queue: string, leaseMs: number): JobRow | undefined {
    const now = Date.now()
    this.#endLostAttempts(queue, now)
    return this.#all<JobRow>(
      `update jobs set status = 'active', startedAt = :now, holder = :holder, leaseUntil = :leaseUntil
       where place = (
         select place from jobs where queue = :queue and status = 'queued' and notBefore <= :now
         order by priority desc, place limit 1
       )
       returning *`,
      { queue, now, holder: randomUUID(), leaseUntil: now + leaseMs },
    )[0]
  }

  /** False: it was taken over, or is over. */
  renew(job: JobRow, leaseMs: number): boolean {
    return this.#write(job, { leaseUntil: Date.now() + leaseMs })
  }

  /** A lease that ran out: its worker died, and with it the attempt. */
  #endLostAttempts(queue: string, now: number): void {
    const lost = `select * from jobs where queue = :queue and status = 'active' and leaseUntil < :now`
    for (const job of this.#all<JobRow>(lost, { queue, now })) {
      this.fail(job, { reason: 'the attempt was lost with its worker', isDiscarded: false })
    }
  }
  // #endregion

  // #region ending
  complete(job: JobRow, result: string): boolean {
    const { keepCompletedSeconds } = JSON.parse(job.plan) as JobPlan
    return this.#leave(job, { status: 'completed', result, failedReason: null, ...ended(keepCompletedSeconds) })
  }

  /** The attempt is over: another one follows if one is left, unless the job is discarded. */
  fail(job: JobRow, { reason, isDiscarded }: { readonly reason: string; readonly isDiscarded: boolean }): boolean {
    const { attempts, backoff, keepFailedSeconds } = JSON.parse(job.plan) as JobPlan
    const attemptsOver = job.attemptsOver + 1
    const over = { attemptsOver, failedReason: reason }
    if (isDiscarded || attemptsOver >= attempts) {
      return this.#leave(job, { status: 'failed', ...over, ...ended(keepFailedSeconds) })
    }
    return this.#leave(job, { status: 'queued', ...over, notBefore: Date.now() + backoffMs(backoff, attemptsOver) })
  }

  /** As if the attempt had never begun. */
  giveBack(job: JobRow): boolean {
    return this.#leave(job, { status: 'queued', startedAt: null })
  }

  keepProgress(job: JobRow, progress: string): boolean {
    return this.#write(job, { progress })
  }

  #leave(job: JobRow, changes: Params): boolean {
    return this.#write(job, { ...changes, holder: null })
  }

  /** Only while the job is held by this delivery still. False: it is over, and nothing was written. */
  #write({ place, holder }: JobRow, changes: Params): boolean {
    const columns = Object.keys(changes).map((one) => `${one} = :${one}`)
    const sql = `update jobs set ${columns.join()} where place = :place and holder is :heldBy`
    return this.#run(sql, { ...changes, place, heldBy: holder })
  }
  // #endregion

  // #region bells
  ring({ orchestrator, worker }: WorkflowQueues, items: readonly WorkItem[]): void {
    for (const item of items) {
      const { id, data } = toMessage(item)
      const bell = { queue: item.kind === 'run' ? orchestrator : worker, id, item: JSON.stringify(data) }
      this.#run('insert into bells (queue, id, item) values (:queue, :id, :item) on conflict do nothing', bell)
    }
  }

  /** The oldest message, which is gone with this; undefined: there is none, or what was there is no work item. */
  answer(queue: string, kind: WorkItem['kind']): { readonly item: WorkItem | undefined } | undefined {
    const [bell] = this.#all<{ item: string }>(
      'delete from bells where place = (select min(place) from bells where queue = :queue) returning item',
      { queue },
    )
    return bell && { item: fromMessage(JSON.parse(bell.item), kind) }
  }

  #all<T>(sql: string, params: Params): T[] {
    return this.#db.prepare(sql).all(params) as unknown as T[]
  }

  #run(sql: string, params: Params): boolean {
    return this.#db.prepare(sql).run(params).changes > 0
  }
}

/** At age 0 a job is gone at once: whoever looks for it clears it away before. */
function ended(keepSeconds: number): Params {
  const finishedAt = Date.now()
  return { finishedAt, expiresAt: finishedAt + keepSeconds * 1_000 }
}
// #endregion

import type { JobWithMetadata } from 'pg-boss'
import type { BossConnection } from './connection.ts'
import { intervalOf } from './job-options.ts'

/** The statements about jobs under way that pg-boss has no method for. Each is about one attempt, and no other. */
export class JobStatements {
  readonly #connection: BossConnection
  readonly #queue: string
  #table: Promise<string> | undefined

  constructor(connection: BossConnection, queue: string) {
    this.#connection = connection
    this.#queue = queue
  }

  /** Keep how far a job is; false when the attempt is not under way any more. */
  async keepProgress(job: JobWithMetadata, progress: string): Promise<boolean> {
    return await this.#ofAttempt(job, `set data = jsonb_set(data, '{progress}', to_jsonb($4::text))`, progress)
  }

  /** From now on this attempt is the last one, whatever the job allows. */
  async makeLast(job: JobWithMetadata): Promise<void> {
    await this.#ofAttempt(job, 'set retry_limit = retry_count')
  }

  /** As if the attempt had never begun. False when it is not under way any more. */
  async giveBack(job: JobWithMetadata): Promise<boolean> {
    // Without a start, the next fetch counts no attempt.
    const state = job.retryCount > 0 ? 'retry' : 'created'
    return await this.#ofAttempt(job, `set state = '${state}', started_on = null, heartbeat_on = null`)
  }

  /** A failed attempt's successor begins `delayMs` from now. */
  async delayNext(job: JobWithMetadata, delayMs: number): Promise<void> {
    const boss = await this.#connection.start()
    const db = await this.#connection.settling()
    await boss.update(this.#queue, undefined, { id: job.id, startAfter: intervalOf(delayMs), db })
  }

  async #ofAttempt(job: JobWithMetadata, change: string, ...values: unknown[]): Promise<boolean> {
    this.#table ??= this.#learnTable()
    this.#table.catch(() => (this.#table = undefined)) // the caller has the error; the next one asks again
    const text = `update ${await this.#table} ${change}
      where name = $1 and id = $2::uuid and state = 'active' and retry_count = $3::int returning id`
    const db = await this.#connection.preparing()
    const { rows } = await db.executeSql(text, [this.#queue, job.id, job.retryCount, ...values])
    return rows.length > 0
  }

  /** As pg-boss itself names it: the schema of a given PgBoss is not told otherwise. */
  async #learnTable(): Promise<string> {
    let text = ''
    const executeSql = (sql: string): Promise<{ rows: never[] }> => {
      text = sql
      return Promise.resolve({ rows: [] })
    }
    const boss = await this.#connection.start()
    await boss.getJobById(this.#queue, '00000000-0000-4000-8000-000000000000', { db: { executeSql } })
    const table = /\bFROM\s+(.+?)\s+WHERE\b/i.exec(text)?.[1]
    if (table === undefined) throw new Error(`this version of pg-boss reads jobs in a way not known here: ${text}`)
    return table
  }
}

import type { Logger } from '@pikku/core/contract'
import { WorkflowError } from '@pikku/core/contract'
import { coalesce } from './coalesce.ts'
import type { Lane } from './coalesce.ts'
import { Driver } from './driver.ts'
import type { Connection, Parameter, Pool, Row, Statement } from './driver.ts'
import { assertNotNewer, checkMigrated, migrate } from './migrate.ts'
import { troubleOf, unavailable } from './retryable.ts'
import { openSchema } from './schema.ts'
import type { Schema } from './schema.ts'

/** Options of `openPgStore`. */
export interface PgStoreOptions {
  /** The leases the engine will ask for (ms): how long waits may be follows from it. */
  readonly leaseMs: number
  /** Where the store says what it does by itself. */
  readonly logger: Logger
  /** Bring the schema up to date on first use. Default true; false: throw, with the SQL that is missing. */
  readonly migrate?: boolean
  /** False: no prepared statements, for poolers in transaction mode. Default: as the connection says. */
  readonly prepare?: boolean
  /** @internal Added to the server's clock in every statement. */
  readonly clockOffsetMs?: () => number
  /** @internal How often it is looked whether a newer version has taken the schema (ms). Default 30,000. */
  readonly lookAgainMs?: number
}

interface SendingAlone {
  readonly isRepeated: boolean
  readonly patient: boolean
}

type Send = (parameters: readonly Parameter[], patient: boolean) => Promise<Row | undefined>

/**
 * A statement that locks rows, in two forms: one that skips what is locked, among those that never wait, and one that
 * waits for it, which takes a lock_timeout besides.
 */
export function impatientFirst(db: Database, [impatient, waiting]: readonly [Statement, Statement]): Send {
  return async (parameters, patient) => {
    const [row] = patient
      ? await db.query('patient', waiting, [...parameters, db.lockTimeoutMs])
      : await db.query('hot', impatient, parameters)
    return row
  }
}

/** Calls that get no definite answer are repeated for so long (ms). */
const patienceMs = 10_000

/**
 * The connections of one store, and its schema. Opens nothing before the first statement.
 *
 * Three pools, so that nobody waits behind another's wait: `hot` holds the statements that never wait for a locked row,
 * `patient` those that do, `reading` what people ask.
 */
export class Database {
  readonly schema: Schema
  readonly driver: Driver
  readonly options: PgStoreOptions
  readonly #pools: { readonly hot: Pool; readonly patient: Pool; readonly reading: Pool }
  #migrated: Promise<void> | undefined
  #lookAt: number

  constructor(connection: Connection, schema: string, options: PgStoreOptions) {
    this.schema = openSchema(schema)
    this.options = options
    this.#lookAt = performance.now() + this.#lookAgainMs
    const { logger, leaseMs, prepare } = options
    const answerTimeoutMs = Math.max(leaseMs, 5000)
    const given = { logger, userTimeoutMs: leaseMs, answerTimeoutMs }
    this.driver = new Driver(connection, prepare === undefined ? given : { ...given, prepare })
    this.#pools = {
      hot: this.driver.pool({ max: 3 }),
      patient: this.driver.pool({ max: 2, idleSeconds: 30 }),
      reading: this.driver.pool({ max: 2, idleSeconds: 30 }),
    }
  }

  get offsetMs(): number {
    return this.options.clockOffsetMs?.() ?? 0
  }

  /** How long a statement may wait for locked rows (ms). */
  get lockTimeoutMs(): number {
    return Math.max(100, Math.floor(this.options.leaseMs / 4))
  }

  async query(
    pool: 'hot' | 'patient' | 'reading',
    statement: Statement,
    parameters: readonly Parameter[],
  ): Promise<readonly Row[]> {
    await this.ready()
    return this.#pools[pool].query(statement, parameters)
  }

  /** The schema is there and of an age this code can work with. */
  ready(): Promise<void> {
    this.#migrated ??= this.#prepareSchema().catch((error: unknown) => {
      this.#migrated = undefined
      throw error
    })
    if (performance.now() >= this.#lookAt) void this.#lookAgain(this.#migrated)
    return this.#migrated
  }

  get #lookAgainMs(): number {
    return this.options.lookAgainMs ?? 30_000
  }

  /** A newer version may migrate while this one runs, to what it cannot work on: then it does nothing more. */
  async #lookAgain(migrated: Promise<void>): Promise<void> {
    this.#lookAt = performance.now() + this.#lookAgainMs
    try {
      await migrated
      await assertNotNewer(this.#pools.hot, this.schema)
    } catch (error) {
      // A server that is away is met by whoever asks it for something; this asks again in half a minute.
      if (WorkflowError.is(error, 'SCHEMA_TOO_NEW')) this.#migrated = undefined
    }
  }

  /** @throws StoreUnavailableError at once when the server cannot be reached: nothing is lost by that here */
  async migrate(): Promise<void> {
    try {
      await this.#prepareSchema()
    } catch (error) {
      const trouble = troubleOf(error)
      if (trouble !== 'unknown' && trouble !== 'denied') throw error
      throw unavailable('init', this.driver.target, error)
    }
  }

  /**
   * A statement that travels alone, repeated like those that travel together: `isRepeated` when it may have been applied
   * before. Not `patient`: it is not to wait for a locked row but to say that it is busy, and is sent again to wait for it.
   */
  single<Call, Answer>(
    name: string,
    send: (call: Call, how: SendingAlone) => Promise<Answer | 'stale' | 'busy'>,
  ): (call: Call) => Promise<Answer> {
    return this.lane({
      name,
      maxCalls: 1,
      maxStatements: 4,
      sizeOf: () => 0,
      send: async ([call], { repeated, patient }) => {
        const answer = await send(call as Call, { isRepeated: repeated[0] === true, patient })
        if (answer === 'stale') return [{ kind: 'stale' }]
        return [answer === 'busy' ? { kind: 'busy' } : { kind: 'answer', answer }]
      },
    })
  }

  lane<Call, Answer>(lane: Omit<Lane<Call, Answer>, 'patienceMs' | 'target'>): (call: Call) => Promise<Answer> {
    return coalesce({ ...lane, patienceMs, target: this.driver.target })
  }

  close(): Promise<void> {
    return this.driver.close()
  }

  async #prepareSchema(): Promise<void> {
    const { patient } = this.#pools
    if (this.options.migrate === false) await checkMigrated(patient, this.schema)
    else await migrate(patient, this.schema)
  }
}

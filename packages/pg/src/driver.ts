import { WorkflowError } from '@pikku/core/contract'
import type { Logger } from '@pikku/core/contract'
import { readConnection, targetOf } from './given-connection.ts'
import type { Connection, ConnectionOptions } from './given-connection.ts'
import { closedError, Pool } from './pool.ts'
import type { PoolOptions } from './pool.ts'
import { codeOf } from './retryable.ts'
import { SingleConnection } from './single-connection.ts'
import type { Row, SingleOptions, Statement } from './single-connection.ts'

export type { Connection, ConnectionOptions } from './given-connection.ts'
export type { Pool } from './pool.ts'
export type { Parameter, Row, Statement } from './single-connection.ts'

export interface DriverOptions {
  readonly logger: Logger
  /** False: unnamed statements only, for poolers in transaction mode. Default: as the connection says. */
  readonly prepare?: boolean
  /** How long the server may take to notice that this client is gone while it waits to send (ms). */
  readonly userTimeoutMs: number
  /** No answer for so long (ms) counts as none: the connection is given up. */
  readonly answerTimeoutMs: number
}

const oldestServer = 130_000
const whoIsIt: Statement = {
  name: 'connect',
  text: `select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding`,
}
/** Whatever a run says can be kept in these: SQL_ASCII takes bytes as they are. */
const encodings = new Set<unknown>(['UTF8', 'SQL_ASCII'])

/** Where the server is and what it, or what stands before it, has told of itself. Its pools are opened on use. */
export class Driver {
  readonly base: ConnectionOptions
  /** `host:port/database`, for messages. Never the password. */
  readonly target: string
  readonly #options: DriverOptions
  #prepare: boolean
  #tuned = true
  /** Of the server, as `server_version_num`; 0 before it is known. */
  #version = 0
  #hostAt = 0
  #ready: Promise<void> | undefined
  #isClosed = false
  /** Finds out which server it is; of no pool. */
  #probing: SingleConnection | undefined
  readonly #pools = new Set<Pool>()

  constructor(connection: Connection | ConnectionOptions, options: DriverOptions) {
    const read = readConnection(connection)
    this.#options = options
    this.#prepare = options.prepare ?? read.prepare
    this.base = read.options
    this.target = targetOf(read.options)
  }

  get prepare(): boolean {
    return this.#prepare
  }

  get logger(): Logger {
    return this.#options.logger
  }

  get answerTimeoutMs(): number {
    return this.#options.answerTimeoutMs
  }

  pool(options: PoolOptions): Pool {
    const pool = new Pool(this, options)
    this.logger.debug(`PostgreSQL: opens up to ${options.max} connection(s) to ${this.target} on use`)
    this.#pools.add(pool)
    return pool
  }

  /** Close a pool before all the others. */
  async release(pool: Pool): Promise<void> {
    this.#pools.delete(pool)
    await pool.close()
  }

  /** Connect once: which server is it, and does it (or what stands before it) take our settings? */
  ready(): Promise<void> {
    if (this.#isClosed) return Promise.reject(closedError())
    this.#ready ??= this.#probe().catch((error: unknown) => {
      this.#ready = undefined
      throw error
    })
    return this.#ready
  }

  /** Not opened before its first statement. */
  connect({ onNotify, onClose }: Pick<SingleOptions, 'onNotify' | 'onClose'>): SingleConnection {
    const settings = this.connectionSettings()
    return new SingleConnection({
      given: this.base,
      hostAt: this.#hostAt,
      settings,
      logger: this.logger,
      onNotify,
      onClose,
    })
  }

  /** What an error on a connection says of the next ones. */
  learn({ hostAt, hasAnswered }: SingleConnection, error: unknown): void {
    const code = codeOf(error)
    if (code === '26000' || code === '42P05') this.stopPreparing()
    if (code === '25006') this.#leaveReadOnly()
    // Whoever else failed at this host has already gone on to the next.
    if ((code === '25006' || !hasAnswered) && hostAt === this.#hostAt)
      this.#hostAt = (hostAt + 1) % this.base.host.length
  }

  connectionSettings(): Record<string, string> {
    if (!this.#tuned) return {}
    return {
      // Every hot statement finds its rows by an index. A plan made while a table was tiny would be kept as it grows.
      enable_seqscan: 'off',
      enable_mergejoin: 'off',
      enable_hashjoin: 'off',
      jit: 'off',
      // No plan here depends on its parameters: planned once, not five times before that is noticed.
      plan_cache_mode: 'force_generic_plan',
      default_transaction_isolation: 'read committed',
      tcp_user_timeout: String(this.#options.userTimeoutMs),
      // What was given up here does not go on there. Limits meant for the application's statements are not for these.
      statement_timeout: String(this.answerTimeoutMs),
      lock_timeout: '0',
      // Numbers travel as float8: an application that has them rounded would have our epochs rounded.
      extra_float_digits: '1',
      ...(this.#version >= 140_000 ? { idle_session_timeout: '0' } : {}),
      ...(this.#version >= 170_000 ? { transaction_timeout: '0' } : {}),
    }
  }

  /** What stands before the server hands one connection of it to many: it may know nothing of what we prepared. */
  onPooler(): void {
    if (this.#options.prepare === undefined) this.stopPreparing()
  }

  /** A pooler gave us a connection that has not prepared our statements: go on without. */
  stopPreparing(): void {
    if (!this.#prepare) return
    this.#prepare = false
    this.#options.logger.warn(
      `prepared statements are not available on ${this.target}: going on without them; set 'prepare: false' to avoid this message`,
    )
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([this.#probing?.close(), ...[...this.#pools].map((pool) => pool.close())])
    this.#pools.clear()
  }

  /** A connection to a server that takes no writes stays one, also when the primary is back or elsewhere: what it reads and hears is old. */
  #leaveReadOnly(): void {
    this.logger.warn(`the server at ${this.target} is read-only: connecting anew`)
    for (const pool of this.#pools) pool.leave()
  }

  async #probe(): Promise<void> {
    const { version, encoding } = await this.#askWho().catch((error: unknown) => {
      if (!isRefusedSetting(error)) throw error
      this.#tuned = false
      if (isFromPooler(error)) this.onPooler()
      return this.#askWho()
    })
    this.#version = Number(version)
    if (this.#version < oldestServer) throw tooOld(this.target, this.#version)
    if (!encodings.has(encoding)) {
      throw new WorkflowError(
        'CONFIGURATION',
        `the database at ${this.target} keeps text as ${String(encoding)}, where not every value of a run has a place; it has to be UTF8`,
      )
    }
  }

  /** Of the first host that answers. */
  async #askWho(): Promise<Row> {
    for (let tries = 1; ; tries += 1) {
      if (this.#isClosed) throw closedError()
      const connection = this.connect({ onClose: () => undefined })
      this.#probing = connection
      try {
        const asked = { parameters: [], prepare: false, withinMs: this.answerTimeoutMs }
        const [row] = await connection.query(whoIsIt, asked)
        return row ?? {}
      } catch (error) {
        this.learn(connection, error)
        if (tries >= this.base.host.length) throw error
      } finally {
        await connection.close()
      }
    }
  }
}

function tooOld(target: string, version: number): WorkflowError {
  // Three numbers before PostgreSQL 10, two from then on.
  const minor = version < 100_000 ? `${Math.floor(version / 100) % 100}.${version % 100}` : `${version % 10_000}`
  const name = `${Math.floor(version / 10_000)}.${minor}`
  return new WorkflowError('SERVER_TOO_OLD', `the server at ${target} is PostgreSQL ${name}; 13 or newer is needed`)
}

function isRefusedSetting(error: unknown): boolean {
  return isFromPooler(error) || ['42704', '22023', '42501'].includes(codeOf(error))
}

/** What PgBouncer answers to a startup parameter it cannot pass on. */
function isFromPooler(error: unknown): boolean {
  return error instanceof Error && /unsupported startup parameter/i.test(error.message)
}

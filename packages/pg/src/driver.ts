import postgres from 'postgres'
import { WorkflowError } from '@pikku/core/contract'
import type { Logger } from '@pikku/core/contract'
import { codeOf } from './retryable.ts'

/** What may be given for a connection: a URL, options of postgres.js, or an open pool whose options are taken. */
export type Connection = string | postgres.Options<Record<string, postgres.PostgresType>> | postgres.Sql

export interface Statement {
  /** The operation, for people. */
  readonly name: string
  readonly text: string
}

export type Parameter = string | number | null
export type Row = Readonly<Record<string, unknown>>

/** The parts of a connection that another thread can be told of. */
export type ConnectionOptions = postgres.Options<Record<string, postgres.PostgresType>>

export interface DriverOptions {
  readonly logger: Logger
  /** False: unnamed statements only, for poolers in transaction mode. Default: as the connection says. */
  readonly prepare?: boolean
  /** How long the server may take to notice that this client is gone while it waits to send (ms). */
  readonly userTimeoutMs: number
  /** No answer for so long (ms) counts as none: the connections of the pool are given up. */
  readonly answerTimeoutMs: number
}

export interface PoolOptions {
  readonly max: number
  /** Close a connection that did nothing for so long (s). Default: never. */
  readonly idleSeconds?: number
  readonly onNotify?: (channel: string, payload: string) => void
  readonly onClose?: () => void
  readonly settings?: Readonly<Record<string, string>>
}

const oldestServer = 130_000
const readOnly = '25006'

/**
 * Everything this package knows of postgres.js. Its `begin`, `reserve` and `listen` are not used: a transaction of
 * postgres.js does not survive its connection, so every transition is one statement.
 */
export class Driver {
  readonly base: ConnectionOptions
  /** `host:port/database`, for messages. Never the password. */
  readonly target: string
  readonly #options: DriverOptions
  #prepare: boolean
  #tuned = true
  #ready: Promise<void> | undefined
  readonly #pools = new Set<Pool>()

  constructor(connection: Connection, options: DriverOptions) {
    const parsed = optionsOf(connection)
    this.#options = options
    this.#prepare = options.prepare ?? parsed.prepare
    this.base = baseOf(parsed)
    this.target = `${parsed.host.map((host, at) => `${host}:${parsed.port[at] ?? 5432}`).join(',')}/${parsed.database}`
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
    this.#ready ??= this.#probe().catch((error: unknown) => {
      this.#ready = undefined
      throw error
    })
    return this.#ready
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
    await Promise.all([...this.#pools].map((pool) => pool.close()))
    this.#pools.clear()
  }

  async #probe(): Promise<void> {
    const version = await this.#serverVersion().catch((error: unknown) => {
      if (!isRefusedSetting(error)) throw error
      this.#tuned = false
      if (isFromPooler(error)) this.onPooler()
      return this.#serverVersion()
    })
    if (version < oldestServer) {
      // Three numbers before PostgreSQL 10, two from then on.
      const minor = version < 100_000 ? `${Math.floor(version / 100) % 100}.${version % 100}` : `${version % 10_000}`
      const found = `${Math.floor(version / 10_000)}.${minor}`
      throw new WorkflowError(
        'SERVER_TOO_OLD',
        `the server at ${this.target} is PostgreSQL ${found}; 13 or newer is needed`,
      )
    }
  }

  async #serverVersion(): Promise<number> {
    const sql = postgres({
      ...this.base,
      connection: { ...this.base.connection, ...this.connectionSettings() },
      max: 1,
    })
    const timeout = answerTimeout(this, { sql, name: 'connect' })
    try {
      const version = sql.unsafe(`select current_setting('server_version_num')::int as version`)
      const rows = await Promise.race([version, timeout.expired])
      return Number(rows[0]?.version)
    } finally {
      timeout.clear()
      await sql.end({ timeout: 1 })
    }
  }
}

/** A few connections of our own. */
export class Pool {
  readonly #driver: Driver
  readonly #options: PoolOptions
  #sql: postgres.Sql | undefined
  #closed = false

  constructor(driver: Driver, options: PoolOptions) {
    this.#driver = driver
    this.#options = options
  }

  async query(statement: Statement, parameters: readonly Parameter[]): Promise<readonly Row[]> {
    await this.#driver.ready()
    const sql = this.#open()
    // Lazy: postgres.js sends nothing before somebody waits for it, which the race below does.
    const query = sql.unsafe(statement.text, [...parameters], { prepare: this.#driver.prepare })
    const timeout = this.#answerTimeout(sql, statement)
    try {
      const rows = await Promise.race([query, timeout.expired])
      // After a failed statement postgres.js may begin the next answer with holes.
      return rows.filter((row) => row !== undefined)
    } catch (error) {
      const code = codeOf(error)
      if (code === '26000' || code === '42P05') this.#driver.stopPreparing()
      this.#leaveStandby(sql, error)
      throw error
    } finally {
      timeout.clear()
    }
  }

  /** Several statements without parameters, as one transaction. A migration takes its time: it may rewrite a table. */
  async script(text: string): Promise<void> {
    await this.#driver.ready()
    const sql = this.#open()
    try {
      await sql.unsafe(text).simple()
    } catch (error) {
      this.#leaveStandby(sql, error)
      throw error
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const sql = this.#sql
    this.#sql = undefined
    await sql?.end({ timeout: 2 })
  }

  #open(): postgres.Sql {
    if (this.#closed) throw Object.assign(new Error('the store is closed'), { code: 'CONNECTION_ENDED' })
    this.#sql ??= this.#connect()
    return this.#sql
  }

  #connect(): postgres.Sql {
    const { max, idleSeconds, onNotify, onClose, settings } = this.#options
    const options = {
      ...this.#driver.base,
      connection: { ...this.#driver.base.connection, ...this.#driver.connectionSettings(), ...settings },
      max,
      idle_timeout: idleSeconds ?? 0,
      max_lifetime: null,
      // One statement of a connection at a time: when a prepared one turns out to be unknown or outdated, postgres.js
      // sends it again into the midst of those behind it, and none of them is answered any more.
      max_pipeline: 0,
      // Of its own it pauses up to 20 s between two tries to connect, long after the server is back.
      backoff: () => 0.05 + Math.random() * 0.2,
      onnotify: onNotify,
      onclose: onClose,
      onnotice: (notice: postgres.Notice) => this.#driver.logger.debug(`PostgreSQL: ${notice['message']}`),
    }
    return postgres(options as ConnectionOptions)
  }

  /**
   * A connection to a server that does not take writes stays one, also when the primary is back or elsewhere: give them
   * all up. What is under way ends without an answer, the next query connects anew.
   */
  #leaveStandby(sql: postgres.Sql, error: unknown): void {
    if (codeOf(error) !== readOnly || this.#sql !== sql) return
    this.#sql = undefined
    const { logger, target } = this.#driver
    logger.warn(`the server at ${target} is read-only: connecting anew`)
    sql.end({ timeout: 0 }).catch((failed: unknown) => logger.warn('closing a read-only connection failed', failed))
  }

  #answerTimeout(sql: postgres.Sql, { name }: Pick<Statement, 'name'>): AnswerTimeout {
    const onExpired = (): void => {
      if (this.#sql === sql) this.#sql = undefined
    }
    return answerTimeout(this.#driver, { sql, name, onExpired })
  }
}

interface AnswerTimeout {
  readonly expired: Promise<never>
  clear(): void
}

/** postgres.js itself waits for ever: for an answer, and for somebody who accepts connections and hangs up. */
function answerTimeout(
  { answerTimeoutMs: ms, target, logger }: Driver,
  asked: { sql: postgres.Sql; name: string; onExpired?: () => void },
): AnswerTimeout {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    reject(Object.assign(new Error(`${asked.name}: no answer from ${target} in ${ms} ms`), { code: 'NO_ANSWER' }))
    // A connection that does not answer would be asked again and again: end it, whatever it was doing.
    asked.onExpired?.()
    asked.sql.end({ timeout: 0 }).catch((error: unknown) => logger.warn('closing a silent connection failed', error))
  }, ms).unref()
  return { expired: promise, clear: () => clearTimeout(timer) }
}

/** @throws WorkflowError `CONFIGURATION`, without the password */
function optionsOf(connection: Connection): postgres.ParsedOptions<Record<string, unknown>> {
  if (typeof connection === 'function') return connection.options
  const isUrl = typeof connection === 'string' && /^postgres(ql)?:\/\//i.test(connection)
  if (!isUrl && (typeof connection !== 'object' || connection === null)) throw noConnection(connection)
  try {
    return postgres(connection as string).options
  } catch {
    // What it throws holds the URL, and that the password.
    throw noConnection(connection)
  }
}

function noConnection(given: unknown): WorkflowError {
  const found = typeof given === 'string' ? `'${given.replace(/^(.*?:\/\/)?.*@/s, '$1…@')}'` : String(given)
  return new WorkflowError(
    'CONFIGURATION',
    `${found} is no connection to PostgreSQL; accepted is a URL like 'postgresql://user:password@host:5432/database', options of postgres.js, or its \`sql\``,
  )
}

/** What our own connections take over from the user's: where to and as whom, not how the user likes rows. */
function baseOf(parsed: postgres.ParsedOptions<Record<string, unknown>>): ConnectionOptions {
  const { host, port, path, database, user, pass, ssl, connection, target_session_attrs, keep_alive } = parsed
  const known = { host, port, database, user, pass, ssl, connection, target_session_attrs, keep_alive }
  const socket = 'socket' in parsed && parsed['socket'] !== undefined ? { socket: parsed['socket'] } : {}
  const options = {
    ...known,
    ...(path ? { path } : {}),
    ...socket,
    connect_timeout: parsed.connect_timeout,
    fetch_types: false,
  }
  return options as unknown as ConnectionOptions
}

function isRefusedSetting(error: unknown): boolean {
  return isFromPooler(error) || ['42704', '22023', '42501'].includes(codeOf(error))
}

/** What PgBouncer answers to a startup parameter it cannot pass on. */
function isFromPooler(error: unknown): boolean {
  return error instanceof Error && /unsupported startup parameter/i.test(error.message)
}

import { once } from 'node:events'
import net from 'node:net'
import { createSecureContext } from 'node:tls'
import type { Logger } from '@pikku/core/contract'
import postgres from 'postgres'
import { whenUnheardFor } from './awake-timer.ts'
import { targetOf } from './given-connection.ts'
import type { ConnectionOptions } from './given-connection.ts'

export type Parameter = string | number | null
export type Row = Readonly<Record<string, unknown>>

export interface Statement {
  /** The operation, for people. */
  readonly name: string
  readonly text: string
}

export interface SingleOptions {
  readonly given: ConnectionOptions
  /** To which of the given hosts. */
  readonly hostAt: number
  /** Settings to begin with, besides the given ones. */
  readonly settings: Readonly<Record<string, string>>
  readonly logger: Logger
  readonly onNotify?: ((channel: string, payload: string) => void) | undefined
  /** The connection is over, whoever ended it. Called once. */
  onClose(connection: SingleConnection): void
}

interface Asked {
  readonly parameters: readonly Parameter[]
  readonly prepare: boolean
  /** No answer for so long (ms) is none: the connection is given up. */
  readonly withinMs: number
}

const isReadOnly: Statement = {
  name: 'connect',
  text: `select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean as is_read_only`,
}

/**
 * One connection of postgres.js, and never a second one. What that library takes along from a connection that broke into
 * the next one it makes (bytes not yet sent, the statement, its error, a count of rows) has led to hangs and to answers
 * of something else; and it waits for ever for a server that says nothing. So it is given one socket of ours, one
 * statement at a time, and is thrown away with the socket.
 *
 * @example
 * const connection = new SingleConnection(options)
 * const rows = await connection.query(statement, { parameters: [], prepare: false, withinMs: 10_000 })
 */
export class SingleConnection {
  readonly hostAt: number
  readonly #options: SingleOptions
  readonly #sql: postgres.Sql
  readonly #dialling = new AbortController()
  #socket: { destroy(): unknown } | undefined
  #password = ''
  #hasDialled = false
  #isOpen = true
  #hasAnswered = false

  constructor(options: SingleOptions) {
    this.#options = options
    this.hostAt = options.hostAt
    this.#sql = postgres(this.#driverOptions() as object)
  }

  /** False: never again. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** The server has let us in and answered something. */
  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  /** Nothing else may be under way. Rejects with what the server says, or with a code that stands for no answer. */
  async query(statement: Statement, asked: Asked): Promise<readonly Row[]> {
    if (this.#hasAnswered || !this.#options.given.mustWrite) return this.#ask(statement, asked)
    const half = { ...asked, withinMs: asked.withinMs / 2 }
    const [row] = await this.#ask(isReadOnly, { ...half, parameters: [] })
    if (row?.['is_read_only'] === true) throw standby()
    return this.#ask(statement, half)
  }

  /** Several statements without parameters, as one transaction, however long they take. */
  async script(text: string): Promise<void> {
    await this.#answerTo(this.#sql.unsafe(`set local statement_timeout = 0;\n${text}`).simple())
  }

  /** At once: what is under way ends without an answer. */
  destroy(): void {
    this.#closed()
    this.#dialling.abort()
    // `end` lets go of its statement and its timers, and says goodbye to somebody who may not be listening.
    this.#sql.end({ timeout: 0 }).catch((error: unknown) => {
      this.#options.logger.debug('PostgreSQL: an ended connection complained', error)
    })
    this.#socket?.destroy()
  }

  /** After what is under way, for which there are two seconds. */
  async close(): Promise<void> {
    await this.#sql.end({ timeout: 2 })
    this.destroy()
  }

  async #ask({ name, text }: Statement, { parameters, prepare, withinMs }: Asked): Promise<readonly Row[]> {
    const late = Promise.withResolvers<never>()
    const stop = whenUnheardFor(withinMs, () => {
      const target = targetOf(this.#options.given)
      const error = new Error(`${name}: no answer from ${target} in ${Math.round(withinMs)} ms`)
      late.reject(Object.assign(error, { code: 'NO_ANSWER' }))
    })
    try {
      // Lazy: nothing is sent before somebody waits for it, which the race does.
      const rows = await this.#answerTo(
        Promise.race([this.#sql.unsafe(text, [...parameters], { prepare }), late.promise]),
      )
      // After a failed statement postgres.js may begin the next answer with holes.
      return rows.filter((row) => row !== undefined)
    } finally {
      stop()
    }
  }

  async #answerTo<Answer>(query: PromiseLike<Answer>): Promise<Answer> {
    try {
      const answer = await query
      this.#hasAnswered = true
      return answer
    } catch (error) {
      if (isAnswer(error)) this.#hasAnswered = true
      else this.destroy()
      throw error
    }
  }

  #closed(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#options.onClose(this)
  }

  #driverOptions(): object {
    const { given, settings, logger, onNotify } = this.#options
    const { host, port, mustWrite: _own, pass: _asked, path: _dialled, ...rest } = given
    return {
      ...rest,
      // The socket goes there; to postgres.js it is a name for messages.
      host: [host[this.hostAt]],
      port: [port[this.hostAt] ?? 5432],
      pass: () => this.#password,
      connection: { ...given.connection, ...settings },
      socket: () => this.#dial(),
      max: 1,
      max_lifetime: null,
      idle_timeout: 0,
      fetch_types: false,
      onnotify: onNotify,
      onclose: () => this.#closed(),
      onnotice: (notice: postgres.Notice) => logger.debug(`PostgreSQL: ${notice['message']}`),
    }
  }

  /** Asked once more, the connection was lost before the server let us in: postgres.js would try on and on. */
  async #dial(): Promise<object> {
    const { given } = this.#options
    if (this.#hasDialled || !this.#isOpen) throw hungUp()
    this.#hasDialled = true
    // Before there is a connection: what the user gave, failing within it, would end the process.
    this.#password = await passwordOf(given)
    checkTls(given)
    const host = given.host[this.hostAt] ?? 'localhost'
    const port = given.port[this.hostAt] ?? 5432
    if (given.socket) return this.#hold(await given.socket(given))
    const socket = this.#hold(net.connect(given.path ? { path: given.path } : { host, port }))
    await once(socket, 'connect', { signal: this.#dialling.signal })
    // The name that a certificate has to show.
    return given.path ? socket : Object.assign(socket, { host, port })
  }

  #hold<Socket extends { destroy(): unknown }>(socket: Socket): Socket {
    this.#socket = socket
    if (!this.#isOpen) socket.destroy()
    return socket
  }
}

/** The server said no to a statement, and goes on. A pooler says how bad it is in the older of the two fields alone. */
function isAnswer(error: unknown): boolean {
  if (!(error instanceof postgres.PostgresError)) return false
  const { severity, severity_local: older }: Partial<postgres.PostgresError> = error
  return !['FATAL', 'PANIC'].includes(severity ?? older ?? '')
}

/** @throws what postgres.js would throw where nobody catches it */
function checkTls({ ssl }: ConnectionOptions): void {
  if (typeof ssl !== 'object' || ssl === null) return
  try {
    createSecureContext(ssl)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw Object.assign(new Error(`the options that were given for TLS are refused: ${why}`, { cause: error }), {
      code: 'ERR_TLS_OPTIONS',
    })
  }
}

async function passwordOf({ pass }: ConnectionOptions): Promise<string> {
  if (typeof pass !== 'function') return String(pass ?? '')
  try {
    const password: string | number | null | undefined = await pass()
    return String(password ?? '')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw Object.assign(new Error(`the function that was given for the password failed: ${why}`, { cause: error }), {
      code: 'NO_PASSWORD',
    })
  }
}

function hungUp(): Error {
  return Object.assign(new Error('the connection was closed before the server let us in'), {
    code: 'CONNECTION_CLOSED',
  })
}

function standby(): Error {
  return Object.assign(new Error('the server takes no writes'), { code: '25006' })
}

import { whenUnheardFor } from './awake-timer.ts'
import { codeOf } from './retryable.ts'
import type { Parameter, Row, SingleConnection, SingleOptions, Statement } from './single-connection.ts'

export interface PoolOptions {
  readonly max: number
  /** Close a connection that did nothing for so long (s). Default: never. */
  readonly idleSeconds?: number
  /** No answer for so long (ms) counts as none. Default: as everywhere. */
  readonly answerTimeoutMs?: number
  readonly onNotify?: (channel: string, payload: string) => void
  /** A connection that had worked is over. */
  readonly onClose?: () => void
}

/** What makes the connections, and is told of what becomes of them. */
interface Source {
  readonly target: string
  readonly prepare: boolean
  readonly answerTimeoutMs: number
  ready(): Promise<void>
  connect(options: Pick<SingleOptions, 'onNotify' | 'onClose'>): SingleConnection
  learn(connection: SingleConnection, error: unknown): void
}

interface Waiting {
  resolve(connection: SingleConnection): void
  reject(error: Error): void
}

/** A few connections of our own, each for one statement at a time. One that broke is replaced by another on use. */
export class Pool {
  readonly #source: Source
  readonly #options: PoolOptions
  readonly #open = new Set<SingleConnection>()
  /** Those with nothing to do, the last used one at the end, and what will close them for that. */
  readonly #idle = new Map<SingleConnection, NodeJS.Timeout | undefined>()
  /** To be closed after their statement. */
  readonly #leaving = new WeakSet<SingleConnection>()
  readonly #waiting = new Set<Waiting>()
  #isClosed = false

  constructor(source: Source, options: PoolOptions) {
    this.#source = source
    this.#options = options
  }

  /** Answered or rejected within `answerTimeoutMs`, or a quarter more where it had to wait for a connection. */
  async query(statement: Statement, parameters: readonly Parameter[]): Promise<readonly Row[]> {
    await this.#source.ready()
    const answerTimeoutMs = this.#answerTimeoutMs
    const end = performance.now() + answerTimeoutMs
    return this.#using(statement.name, (connection) => {
      // Less, and a sound connection would be given up for what was spent on waiting for it.
      const withinMs = Math.max(answerTimeoutMs / 4, end - performance.now())
      return connection.query(statement, { parameters, prepare: this.#source.prepare, withinMs })
    })
  }

  get #answerTimeoutMs(): number {
    return this.#options.answerTimeoutMs ?? this.#source.answerTimeoutMs
  }

  /** Several statements without parameters, as one transaction. A migration takes its time: it may rewrite a table. */
  async script(text: string): Promise<void> {
    await this.#source.ready()
    await this.#using('migrate', (connection) => connection.script(text))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const waiting of this.#waiting) waiting.reject(closedError())
    await Promise.all([...this.#open].map((connection) => connection.close()))
  }

  async #using<Answer>(name: string, use: (connection: SingleConnection) => Promise<Answer>): Promise<Answer> {
    const connection = await this.#take(name)
    try {
      return await use(connection)
    } catch (error) {
      this.#learn(connection, error)
      throw error
    } finally {
      this.#giveBack(connection)
    }
  }

  /** Use none of the connections again that are open now. */
  leave(): void {
    for (const connection of [...this.#open]) {
      if (this.#idle.has(connection)) connection.destroy()
      else this.#leaving.add(connection)
    }
  }

  #learn(connection: SingleConnection, error: unknown): void {
    this.#source.learn(connection, error)
    // Who was not heard of on one connection will not be on those that wait for their next statement.
    if (codeOf(error) === 'NO_ANSWER') for (const idle of [...this.#idle.keys()]) idle.destroy()
  }

  /** One that is free, a new one where there may be another, or the next that becomes free. */
  async #take(name: string): Promise<SingleConnection> {
    if (this.#isClosed) throw closedError()
    const free = [...this.#idle.keys()].at(-1)
    if (free) {
      clearTimeout(this.#idle.get(free))
      this.#idle.delete(free)
      return free
    }
    if (this.#open.size < this.#options.max) return this.#connect()
    return this.#waitForOne(name)
  }

  async #waitForOne(name: string): Promise<SingleConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<SingleConnection>()
    const { target } = this.#source
    const ms = this.#answerTimeoutMs
    const stop = whenUnheardFor(ms, () => {
      const error = new Error(`${name}: no connection to ${target} was free in ${ms} ms`)
      reject(Object.assign(error, { code: 'NO_CONNECTION' }))
    })
    const waiting = { resolve, reject }
    this.#waiting.add(waiting)
    try {
      return await promise
    } finally {
      stop()
      this.#waiting.delete(waiting)
    }
  }

  #connect(): SingleConnection {
    const { onNotify } = this.#options
    const connection = this.#source.connect({ onNotify, onClose: (ended) => this.#onEnded(ended) })
    this.#open.add(connection)
    return connection
  }

  #giveBack(connection: SingleConnection): void {
    if (!connection.isOpen) return
    if (this.#leaving.has(connection)) return connection.destroy()
    const next = this.#nextWaiting()
    if (next) return next.resolve(connection)
    const { idleSeconds } = this.#options
    const timer = idleSeconds && setTimeout(() => connection.destroy(), idleSeconds * 1000).unref()
    this.#idle.set(connection, timer || undefined)
  }

  #onEnded(connection: SingleConnection): void {
    this.#open.delete(connection)
    clearTimeout(this.#idle.get(connection))
    this.#idle.delete(connection)
    if (this.#isClosed) return
    if (connection.hasAnswered) this.#options.onClose?.()
    this.#nextWaiting()?.resolve(this.#connect())
  }

  #nextWaiting(): Waiting | undefined {
    const [next] = this.#waiting
    if (next) this.#waiting.delete(next)
    return next
  }
}

export function closedError(): Error {
  return Object.assign(new Error('the store is closed'), { code: 'CONNECTION_ENDED' })
}

import net from 'node:net'
import { WorkflowError } from '@pikku/core/contract'
import type { Logger } from '@pikku/core/contract'
import { PgBoss } from 'pg-boss'
import type { ConstructorOptions, Db, Queue } from 'pg-boss'
import type { BossSource } from './boss-source.ts'
import { checkSource, isBoss, optionsOf, startBoss, startFailed } from './boss-start.ts'
import { fetching, preparing, settling } from './hot-db.ts'
import { reasonOf } from './reason-of.ts'

/** Settings of `pg`'s pool, which pg-boss hands on to it. */
interface PoolSettings {
  readonly idleTimeoutMillis: number
  readonly keepAlive: boolean
  readonly connectionTimeoutMillis: number
}

/**
 * What an instance of our own runs with unless the caller's options say otherwise.
 * Supervision fails jobs whose worker died; no cron and no flows here, so their timers stay still.
 */
const DEFAULTS: ConstructorOptions & PoolSettings = {
  max: 6,
  supervise: true,
  maintenanceIntervalSeconds: 900,
  flowIntervalSeconds: 3600,
  instanceHeartbeatSeconds: 60,
  schedule: false,
  // Handed on to the pool: opening a connection costs more than the fetch it is opened for.
  idleTimeoutMillis: 60_000,
  keepAlive: true,
  // Else a host that swallows what it is sent would be waited for, for ever.
  connectionTimeoutMillis: 10_000,
}

/** The pg-boss instance of one queue service: made and started on first use, closed only if it is our own. */
export class BossConnection {
  readonly #source: BossSource
  readonly #logger: Logger
  readonly #queues = new Map<string, Promise<void>>()
  readonly #troubled = new Set<() => void>()
  #boss: PgBoss | undefined
  #starting: Promise<PgBoss> | undefined
  #preparing: Db | undefined
  #fetching: Db | undefined
  #settling: Db | undefined
  #closed = false
  readonly #sockets = new Set<net.Socket>()
  #hungUp = false

  constructor(source: BossSource, logger: Logger) {
    checkSource(source)
    this.#source = source
    this.#logger = logger
  }

  /** The started instance. A start that failed is tried again by the next call. */
  start(): Promise<PgBoss> {
    if (this.#closed) return Promise.reject(closedError())
    this.#starting ??= this.#open().catch((error: unknown) => {
      this.#starting = undefined
      throw error
    })
    return this.#starting
  }

  /** For the statements that run all the time. */
  async preparing(): Promise<Db> {
    this.#preparing ??= preparing((await this.start()).getDb())
    return this.#preparing
  }

  async fetching(): Promise<Db> {
    this.#fetching ??= fetching((await this.start()).getDb())
    return this.#fetching
  }

  async settling(): Promise<Db> {
    this.#settling ??= settling((await this.start()).getDb())
    return this.#settling
  }

  /** Create the queue unless it is there: once per process, whatever the number of processes. An existing one is left as it is. */
  ensureQueue(name: string, options: Omit<Queue, 'name'>): Promise<void> {
    if (this.#closed) return Promise.reject(closedError())
    const known = this.#queues.get(name)
    if (known) return known
    const creating = this.#createQueue(name, options)
    this.#queues.set(name, creating)
    creating.catch(() => this.#queues.delete(name)) // the caller gets the error; the next one tries again
    return creating
  }

  /** After an error that says the queue is gone: look again before the next use. */
  forgetQueue(name: string): void {
    this.#queues.delete(name)
  }

  /** `listener` runs when a connection was lost (or something else went wrong beside the calls). Returns the way out. */
  onTrouble(listener: () => void): () => void {
    this.#troubled.add(listener)
    return () => this.#troubled.delete(listener)
  }

  /** From now on nobody answers on connections of our own: what waits for an answer ends without one. */
  hangUp(): void {
    this.#hungUp = true
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#starting?.catch(() => undefined) // whoever started it got the error
    if (this.#boss && !isBoss(this.#source)) await this.#boss.stop({ graceful: false })
  }

  async #open(): Promise<PgBoss> {
    if (!this.#boss) {
      this.#boss = isBoss(this.#source) ? this.#source : this.#ownBoss()
      // Without a listener, a connection that the server drops ends the process.
      this.#boss.on('error', (error) => this.#report(error))
      this.#boss.on('warning', (warning) => this.#logger.warn(`pg-boss: ${warning.message}`, warning.data))
    }
    try {
      return await startBoss(this.#boss)
    } catch (error) {
      throw startFailed(this.#source, error)
    }
  }

  #ownBoss(): PgBoss {
    const options: ConstructorOptions & { stream(): net.Socket } = { stream: () => this.#openSocket(), ...DEFAULTS }
    return new PgBoss({ ...options, ...optionsOf(this.#source) })
  }

  /** For a client of `pg`, which connects it. */
  #openSocket(): net.Socket {
    const socket = new net.Socket()
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    if (this.#hungUp) setImmediate(() => socket.destroy())
    return socket
  }

  #report(error: Error): void {
    // Whether LISTEN works is for the bell to find out and to say, once: behind a pooler pg-boss loses it every ten seconds.
    const level = error.message.startsWith('LISTEN/NOTIFY') ? 'debug' : 'error'
    if (!this.#closed) this.#logger[level](`pg-boss: ${reasonOf(error)}`)
    for (const listener of this.#troubled) listener()
  }

  async #createQueue(name: string, options: Omit<Queue, 'name'>): Promise<void> {
    const boss = await this.start()
    if (await boss.getQueue(name)) return
    await boss.createQueue(name, options)
  }
}

export function closedError(): WorkflowError {
  return new WorkflowError('CONFIGURATION', 'this queue service is closed')
}

/** True when `error` says that the queue does not exist. */
export function isQueueMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'PGBOSS_QUEUE_NOT_FOUND'
}

/** True when the server refused the values of a statement, so that the same statement can never succeed. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(21|22|23|54)/.test(String(error.code))
}

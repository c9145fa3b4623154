import { whenUnheardFor } from './awake-timer.ts'
import type { Driver, Pool, Row } from './driver.ts'
import type { Schema } from './schema.ts'
import { enlist, holdLock } from './sql/enlist.ts'
import { renewLeases, renewOwned } from './sql/renew-leases.ts'

/** No answer of our own for so long (ms): this session is not ours alone, a pooler stands before the server. */
const echoMs = 1000
const reconnectMs = 250
/** Between two renewals lies a third of a lease: one that is given up after half of it is asked again in time. */
const answerPart = 1 / 2
/** A slow server is not to be taken for a dead connection: that would be told as the death of this process (ms). */
const leastAnswerMs = 5000

export interface Renewing {
  /** The leases as `renewLeases` in sql/ has them. */
  readonly calls: string
  readonly leaseMs: number
  readonly offsetMs: number
}

export interface Enlisting {
  readonly owner: string
  readonly offsetMs: number
}

export interface SessionOptions {
  readonly driver: Driver
  readonly schema: Schema
  readonly leaseMs: number
}

/**
 * The one connection whose life tells that this process lives, and that renews its leases. Nothing else waits on it.
 * When it breaks it is opened again and the locks are taken again.
 */
export class RenewalSession {
  readonly #driver: Driver
  readonly #schema: Schema
  readonly #pool: Pool
  readonly #owners = new Map<string, Enlisting>()
  readonly #enlisted = new Map<string, Enlisting>()
  readonly #keys = new Map<string, number>()
  #echo: ((payload: string) => void) | undefined
  #onBreak: (() => void) | undefined
  #isOwn: Promise<boolean> | undefined
  #isClosed = false
  #reconnecting: NodeJS.Timeout | undefined

  constructor({ driver, schema, leaseMs }: SessionOptions) {
    this.#driver = driver
    this.#schema = schema
    this.#pool = driver.pool({
      max: 1,
      answerTimeoutMs: Math.max(leaseMs * answerPart, leastAnswerMs),
      onNotify: (_channel, payload) => this.#echo?.(payload),
      onClose: () => this.#onClose(),
    })
  }

  /** False: a session cannot be held here, and a death is told by its leases alone. */
  async enlist(given: Enlisting): Promise<boolean> {
    this.#owners.set(given.owner, given)
    if (!(await this.#isSessionOurs())) return false
    this.#enlisted.set(given.owner, given)
    await this.#hold(given)
    return true
  }

  renew({ calls, leaseMs, offsetMs }: Renewing): Promise<readonly Row[]> {
    return this.#pool.query(renewLeases(this.#schema), [calls, leaseMs, offsetMs])
  }

  /** Every lease of this process, also one that it has only just been given. */
  async renewOwned(leaseMs: number): Promise<void> {
    const [last] = [...this.#owners.values()].slice(-1)
    if (!last) return
    await this.#pool.query(renewOwned(this.#schema), [JSON.stringify([...this.#owners.keys()]), leaseMs, last.offsetMs])
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#reconnecting)
    await this.#pool.close()
  }

  /** The lock comes before the row: a row without its lock says that this owner is gone. */
  async #hold({ owner, offsetMs }: Enlisting): Promise<void> {
    const known = this.#keys.get(owner)
    if (known !== undefined) await this.#lock(known)
    const [row] = await this.#pool.query(enlist(this.#schema), [owner, offsetMs])
    const key = row?.['lock_key'] as number
    if (key !== known) await this.#lock(key)
    this.#keys.set(owner, key)
  }

  async #lock(key: number): Promise<void> {
    await this.#pool.query(holdLock, [this.#schema.lockClass, key])
  }

  /** Found out once, also for those who begin at the same moment. */
  #isSessionOurs(): Promise<boolean> {
    this.#isOwn ??= this.#hearsItself().catch((error: unknown) => {
      this.#isOwn = undefined
      throw error
    })
    return this.#isOwn
  }

  /**
   * Behind a pooler in transaction mode LISTEN succeeds and nothing ever arrives; a lock there would be somebody else's.
   * The echo comes from another connection: one of our own might be lent the very same of the server, and hear itself.
   */
  async #hearsItself(): Promise<boolean> {
    const channel = `${this.#schema.channel}_session`
    const nonce = `${process.pid}.${Math.random()}`
    const other = this.#driver.pool({ max: 1 })
    const heard = Promise.withResolvers<boolean | 'broken'>()
    this.#echo = (payload) => {
      if (payload === nonce) heard.resolve(true)
    }
    this.#onBreak = () => heard.resolve('broken')
    try {
      await this.#pool.query({ name: 'listen', text: `listen ${channel}` }, [])
      await other.query({ name: 'echo', text: 'select pg_notify($1::text, $2::text)::text' }, [channel, nonce])
      const stop = whenUnheardFor(echoMs, () => heard.resolve(false))
      const isOurs = await heard.promise.finally(stop)
      if (isOurs === 'broken') throw brokenOff()
      await this.#pool.query({ name: 'unlisten', text: `unlisten ${channel}` }, [])
      return isOurs
    } finally {
      this.#echo = undefined
      this.#onBreak = undefined
      await this.#driver.release(other)
    }
  }

  #onClose(): void {
    this.#onBreak?.()
    if (this.#isClosed || this.#enlisted.size === 0) return
    clearTimeout(this.#reconnecting)
    this.#reconnecting = setTimeout(() => void this.#holdAgain(), 10).unref()
  }

  async #holdAgain(): Promise<void> {
    try {
      for (const given of this.#enlisted.values()) await this.#hold(given)
    } catch (error) {
      if (this.#isClosed) return
      this.#driver.logger.debug(
        `the connection that tells that this process lives is down at ${this.#driver.target}`,
        error,
      )
      clearTimeout(this.#reconnecting)
      this.#reconnecting = setTimeout(() => void this.#holdAgain(), reconnectMs).unref()
    }
  }
}

/** What a lost answer is told as: it is asked again. */
function brokenOff(): Error {
  return Object.assign(new Error('the connection broke off before its echo came'), { code: 'CONNECTION_CLOSED' })
}

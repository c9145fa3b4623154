import type { Redis, RedisOptions } from 'ioredis'
import { answered, isCluster, type Client } from './client.ts'
import { backoffMs, forgetCommand, troubleOf } from './retryable.ts'

export interface SubscriberEvents {
  onMessage?(channel: string, message: string): void
  /** Subscribed to everything, for the first time or again: what was told meanwhile was not heard. */
  onUp?(): void
  onDown?(error: Error | undefined): void
}

interface Waiting {
  readonly channel: string
  resolve(): void
  reject(error: Error): void
}

/** The server has so long (ms) to answer: who is not subscribed soon counts as dead. */
const answerMs = 2000
/** A connection nobody speaks on is asked so often (ms) whether it is still there. */
const pingMs = 1000
/** A server that is back is tried so soon (ms): who is not subscribed a second after others are there counts as dead. */
const longestWaitMs = 200

/**
 * One connection that stays subscribed: when it breaks, another is opened, on a Cluster to any of its nodes. By it the
 * server also knows that this process lives.
 */
export class Subscriber {
  readonly #client: Client
  readonly #events: SubscriberEvents
  readonly #channels = new Set<string>()
  readonly #waiting = new Set<Waiting>()
  readonly #stay: () => void
  #redis: Redis | undefined
  #lastError: Error | undefined
  #isUp = false
  #isClosed = false
  #tries = 0
  #opening: NodeJS.Timeout | undefined
  #pinging: NodeJS.Timeout | undefined

  /** `client`: whose server it is to be, or whose nodes. */
  constructor(client: Client, events: SubscriberEvents = {}) {
    this.#client = client
    this.#events = events
    // One that is being made takes its time, and would never be done if it were made anew each time.
    this.#stay = client.onLead(() => {
      if (this.#isUp) this.#redis?.disconnect()
    })
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** Resolves once the server has taken it; rejects with what stood against it when that takes longer than `deadline`. */
  async subscribe(channel: string, deadline: number): Promise<void> {
    const isNew = !this.#channels.has(channel)
    this.#channels.add(channel)
    if (this.#isUp && !isNew) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting = { channel, resolve, reject }
    this.#waiting.add(waiting)
    if (this.#isUp) void this.#subscribeTo(this.#redis, [channel])
    else if (!this.#redis && !this.#opening) this.#open()
    try {
      await answered(promise, deadline)
    } catch (error) {
      throw this.#lastError ?? error
    } finally {
      this.#waiting.delete(waiting)
    }
  }

  close(): void {
    this.#isClosed = true
    this.#isUp = false
    this.#stay()
    clearTimeout(this.#opening)
    clearInterval(this.#pinging)
    this.#redis?.disconnect()
  }

  #open(): void {
    this.#opening = undefined
    if (this.#isClosed) return
    const redis = this.#connection()
    if (!redis) return this.#openLater()
    this.#redis = redis
    redis.on('error', (error: Error) => this.#onError(error))
    redis.on('message', (channel: string, message: string) => this.#events.onMessage?.(channel, message))
    redis.once('ready', () => void this.#subscribeTo(redis, [...this.#channels]))
    redis.once('end', () => this.#onEnd(redis))
    // What it fails with comes as an event too.
    redis.connect().catch((error: unknown) => void error)
  }

  /** Null while no node of the cluster is known. */
  #connection(): Redis | null {
    const { raw } = this.#client
    const options: RedisOptions = {
      connectTimeout: answerMs,
      enableOfflineQueue: false,
      // Who is subscribed while the server still reads its data is there before anybody can ask.
      enableReadyCheck: false,
      lazyConnect: true,
      readOnly: false,
      reconnectOnError: null,
      retryStrategy: null,
    }
    if (!isCluster(raw)) return raw.duplicate(options)
    this.#client.start()
    const nodes = raw.nodes('all')
    return nodes[Math.floor(Math.random() * nodes.length)]?.duplicate(options) ?? null
  }

  async #subscribeTo(redis: Redis | undefined, channels: readonly string[]): Promise<void> {
    try {
      if (redis) await answered(redis.subscribe(...channels), performance.now() + answerMs)
    } catch (error) {
      this.#onError(error)
      redis?.disconnect()
      return
    }
    if (redis !== this.#redis || this.#isClosed) return
    for (const { channel, resolve } of [...this.#waiting]) if (channels.includes(channel)) resolve()
    // Others may have been asked for before it was up.
    const missing = [...this.#channels].filter((channel) => !channels.includes(channel))
    if (this.#isUp) return
    if (missing.length > 0) return this.#subscribeTo(redis, [...this.#channels])
    this.#onUp()
  }

  #onUp(): void {
    this.#isUp = true
    this.#tries = 0
    this.#lastError = undefined
    this.#pinging = setInterval(() => void this.#ping(), pingMs)
    this.#pinging.unref()
    this.#events.onUp?.()
  }

  async #ping(): Promise<void> {
    const redis = this.#redis
    try {
      if (redis) await answered(redis.ping(), performance.now() + answerMs)
    } catch (error) {
      this.#onError(error)
      redis?.disconnect()
    }
  }

  /** It is tried again in any case; whoever waits need not wait for what is refused for good. */
  #onError(error: unknown): void {
    forgetCommand(error)
    this.#lastError = error instanceof Error ? error : new Error(String(error))
    const trouble = troubleOf(this.#lastError)
    if (trouble === 'unknown') return
    for (const { reject } of [...this.#waiting]) reject(this.#lastError)
  }

  #onEnd(redis: Redis): void {
    if (redis !== this.#redis) return
    clearInterval(this.#pinging)
    const was = this.#isUp
    this.#isUp = false
    this.#redis = undefined
    if (this.#isClosed) return
    this.#openLater()
    if (was) this.#events.onDown?.(this.#lastError)
  }

  #openLater(): void {
    this.#tries += 1
    this.#opening = setTimeout(() => this.#open(), Math.min(backoffMs(this.#tries), longestWaitMs))
    this.#opening.unref()
  }
}

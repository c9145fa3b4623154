import type { Cluster, Redis, RedisOptions } from 'ioredis'
import type { Command, Reply } from './connection.ts'
import type { Connecting } from './given.ts'
import { troubleOf } from './retryable.ts'

/**
 * What every own client does differently from the one it was made of: nothing waits in its queues. A call that cannot be
 * sent or answered fails at once, and whoever made it decides how long it is worth repeating.
 */
function ownOptions(socketTimeoutMs: number): RedisOptions {
  return {
    autoResendUnfulfilledCommands: true,
    commandTimeout: undefined,
    // CLIENT SETINFO is newer than the oldest server.
    disableClientInfo: true,
    enableAutoPipelining: false,
    keyPrefix: '',
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    monitor: false,
    readOnly: false,
    replyMapping: 'legacy',
    scripts: undefined,
    socketTimeout: socketTimeoutMs,
    stringNumbers: false,
  }
}

export function duplicateOf({ base }: Connecting, socketTimeoutMs: number): Redis | Cluster {
  const own = ownOptions(socketTimeoutMs)
  if (isCluster(base)) {
    return base.duplicate([], {
      clusterRetryStrategy: reconnectMs,
      enableAutoPipelining: false,
      enableOfflineQueue: false,
      keyPrefix: '',
      lazyConnect: true,
      redisOptions: own as never,
      scaleReads: 'master',
      shardedSubscribers: false,
    })
  }
  const options: RedisOptions = {
    ...own,
    enableOfflineQueue: false,
    // A master that became a replica: ask again who is master, where somebody (a Sentinel, a name) knows.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    retryStrategy: reconnectMs,
  }
  return base.duplicate(options)
}

export function isCluster(client: Redis | Cluster): client is Cluster {
  return client.isCluster
}

function reconnectMs(times: number): number {
  return Math.min(25 * 2 ** (times - 1), 1000) * (0.5 + Math.random())
}

/** One own client: connects when first used, and sends only when it is connected. */
export class Client {
  readonly raw: Redis | Cluster
  #lastError: Error | undefined
  #isClosed = false

  constructor(raw: Redis | Cluster) {
    this.raw = raw
    raw.on('error', (error: Error) => (this.#lastError = error))
    raw.on('ready', () => (this.#lastError = undefined))
  }

  async send([name, ...args]: Command, deadline: number): Promise<Reply> {
    await this.#connected(deadline)
    return answered(this.raw.call(name, ...args), deadline)
  }

  /** All in one write; rejects with the first that failed. */
  async sendAll(commands: readonly Command[], deadline: number): Promise<readonly Reply[]> {
    await this.#connected(deadline)
    return answered(Promise.all(commands.map(([name, ...args]) => this.raw.call(name, ...args))), deadline)
  }

  /** Begin to connect, if nobody has. */
  start(): void {
    if (this.raw.status !== 'wait' || this.#isClosed) return
    // What it fails with comes as an event too, and it is tried again.
    this.raw.connect().catch((error: unknown) => void error)
  }

  close(): void {
    this.#isClosed = true
    this.raw.disconnect()
  }

  /** Resolves when a command can be sent; rejects when that is denied, or is not so by the deadline. */
  async #connected(deadline: number): Promise<void> {
    if (this.#isClosed) throw closed()
    if (this.raw.status === 'ready') return
    this.start()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onError = (error: Error): void => {
      if (troubleOf(error) !== 'unknown') reject(error)
    }
    const onEnd = (): void => reject(closed())
    const timer = setTimeout(() => reject(this.#lastError ?? noAnswer()), Math.max(0, deadline - performance.now()))
    this.raw.on('ready', resolve).on('error', onError).on('end', onEnd)
    try {
      await promise
    } finally {
      clearTimeout(timer)
      this.raw.off('ready', resolve).off('error', onError).off('end', onEnd)
    }
  }
}

/** What it was asked may still come to pass: nobody knows. */
export async function answered<Answer>(asking: Promise<unknown>, deadline: number): Promise<Answer> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(noAnswer()), Math.max(0, deadline - performance.now()))
  try {
    return (await Promise.race([asking, promise])) as Answer
  } finally {
    clearTimeout(timer)
  }
}

function noAnswer(): Error {
  return Object.assign(new Error('no answer in time'), { code: 'NO_ANSWER' })
}

export function closed(): Error {
  return Object.assign(new Error('this store was closed'), { code: 'CLOSED' })
}

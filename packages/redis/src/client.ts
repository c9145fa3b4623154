import type { Cluster, Redis, RedisOptions } from 'ioredis'
import type { Command, Reply } from './connection.ts'
import type { Connecting } from './given.ts'
import { codeOf, forgetCommand, troubleOf } from './retryable.ts'

/**
 * What every own client does differently from the one it was made of: nothing waits in its queues. A call that cannot be
 * sent or answered fails at once, and whoever made it decides how long it is worth repeating.
 */
const ownOptions: RedisOptions = {
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
  socketTimeout: undefined,
  stringNumbers: false,
}

export function duplicateOf({ base }: Connecting): Redis | Cluster {
  if (isCluster(base)) {
    return base.duplicate([], {
      clusterRetryStrategy: reconnectMs,
      enableAutoPipelining: false,
      enableOfflineQueue: false,
      keyPrefix: '',
      lazyConnect: true,
      // What cannot be had soon, because a slot is moving or a master is down, is asked for again by whoever called.
      maxRedirections: 4,
      redisOptions: ownOptions as never,
      scaleReads: 'master',
      shardedSubscribers: false,
    })
  }
  const options: RedisOptions = {
    ...ownOptions,
    enableOfflineQueue: false,
    // It would see only what ends a whole script, not what each of its calls met: `leave` does this.
    reconnectOnError: null,
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
  readonly #answerTimeoutMs: number
  #lastError: Error | undefined
  #refused: Error | undefined
  #connections = 0
  /** The last of them that was given up. */
  #givenUp = 0
  #serverId: Promise<string | undefined> | undefined
  readonly #followers = new Set<() => void>()
  #isClosed = false

  /** No answer for `answerTimeoutMs` counts as none: the connection is given up. */
  constructor(raw: Redis | Cluster, answerTimeoutMs: number) {
    this.raw = raw
    this.#answerTimeoutMs = answerTimeoutMs
    // While it is not connected every call listens; from the eleventh on Node would warn of a leak.
    raw.setMaxListeners(0)
    raw.on('error', (error: Error) => this.#onError(error))
    if (isCluster(raw)) raw.on('+node', (node: Redis) => gatherWrites(hearAsking(node)))
    else gatherWrites(raw)
    raw.on('ready', () => {
      this.#lastError = undefined
      this.#connections += 1
      this.#serverId = undefined
    })
  }

  /** Of the server alone that is connected, another one after each start; undefined where it does not tell. */
  async serverId(deadline: number): Promise<string | undefined> {
    await this.connected(deadline)
    const asked = (this.#serverId ??= this.raw.call('info', 'server').then(serverIdOf))
    try {
      return await this.#answered(asked, deadline)
    } catch (error) {
      // It is asked again: a server that is busy answers another time.
      if (this.#serverId === asked) this.#serverId = undefined
      throw error
    }
  }

  async send([name, ...args]: Command, deadline: number): Promise<Reply> {
    await this.connected(deadline)
    return this.#answered(this.raw.call(name, ...args), deadline)
  }

  /** All in one write; rejects with the first that failed. */
  async sendAll(commands: readonly Command[], deadline: number): Promise<readonly Reply[]> {
    await this.connected(deadline)
    return this.#answered(Promise.all(commands.map(([name, ...args]) => this.raw.call(name, ...args))), deadline)
  }

  /** The server that is connected is no master any more: ask again who is, where somebody (a Sentinel, a name) knows. */
  leave(): void {
    // On a Cluster each node says itself who is.
    if (isCluster(this.raw) || this.#givenUp === this.#connections) return
    this.#giveUp(this.#connections)
    this.lead()
  }

  /** Whoever is connected besides is to connect anew: to where this one leads now. */
  lead(): void {
    for (const follow of this.#followers) follow()
  }

  /** Returns the way out. */
  onLead(follow: () => void): () => void {
    this.#followers.add(follow)
    return () => this.#followers.delete(follow)
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
  async connected(deadline: number): Promise<void> {
    if (this.#isClosed) throw closed()
    if (this.#refused) throw this.#refused
    if (this.raw.status === 'ready') return
    this.start()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onError = (error: Error): void => {
      if (troubleOf(error) !== 'unknown') reject(refused(error))
    }
    const onEnd = (): void => reject(closed())
    this.raw.on('ready', resolve).on('error', onError).on('end', onEnd)
    try {
      await answered(promise, deadline)
    } catch (error) {
      throw codeOf(error) === 'NO_ANSWER' ? (this.#lastError ?? error) : error
    } finally {
      this.raw.off('ready', resolve).off('error', onError).off('end', onEnd)
    }
  }

  async #answered<Answer>(asking: Promise<unknown>, deadline: number): Promise<Answer> {
    const connection = this.#connections
    const silentAt = performance.now() + this.#answerTimeoutMs
    try {
      return await answered(asking, Math.min(deadline, silentAt))
    } catch (error) {
      // Others may be answered on it: one that had little time left proves nothing.
      const isSilent = codeOf(error) === 'NO_ANSWER' && silentAt <= deadline && connection === this.#connections
      if (isSilent && !this.#isClosed) this.#giveUp(connection)
      throw error
    }
  }

  /** Once, however many wait on it. */
  #giveUp(connection: number): void {
    if (this.#givenUp === connection) return
    this.#givenUp = connection
    this.raw.disconnect(true)
  }

  #onError(error: Error): void {
    forgetCommand(error)
    this.#lastError = error
    // ioredis would go on with database 0, which is somebody else's.
    if (/DB index is out of range|'select' command/.test(error.message)) this.#refused = refused(error)
  }
}

/**
 * What it was asked may still come to pass: nobody knows. An answer that came while the main thread was blocked is heard
 * before its time is found to be over.
 */
export async function answered<Answer>(asking: Promise<unknown>, deadline: number): Promise<Answer> {
  const { promise, reject } = Promise.withResolvers<never>()
  const giveUp = (): void => void setImmediate(() => reject(noAnswer()))
  const timer = setTimeout(giveUp, Math.max(0, deadline - performance.now()))
  try {
    return (await Promise.race([asking, promise])) as Answer
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Before a command that a slot's move sends on, ioredis sends ASKING and hears no answer: one that cannot be had would end
 * the process. The command itself fails or is sent on again.
 */
function hearAsking(node: Redis): Redis {
  const asking = node.asking.bind(node)
  node.asking = () => {
    const answer = asking()
    answer.catch((error: unknown) => void error)
    return answer
  }
  return node
}

/** What is sent in one turn of the event loop leaves in one write: each is a system call that wakes the server. */
function gatherWrites(node: Redis): void {
  const sendCommand = node.sendCommand.bind(node)
  node.sendCommand = (command, into) => {
    const { stream } = node
    if (stream?.writable && stream.writableCorked === 0) {
      stream.cork()
      process.nextTick(() => stream.uncork())
    }
    return sendCommand(command, into)
  }
}

/** Enough of it to tell two apart. */
function serverIdOf(info: unknown): string | undefined {
  return /^run_id:([0-9a-f]{8})/m.exec(String(info))?.[1]
}

function noAnswer(): Error {
  return Object.assign(new Error('no answer in time'), { code: 'NO_ANSWER' })
}

/** Whoever stands there does not let us in: a certificate, a password, a database that there is not. */
function refused(error: Error): Error {
  return Object.assign(new Error(error.message, { cause: error }), { code: 'REFUSED' })
}

export function closed(): Error {
  return Object.assign(new Error('this store was closed'), { code: 'CLOSED' })
}

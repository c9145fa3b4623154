import { WorkflowError } from '@pikku/core/contract'
import { Redis } from 'ioredis'
import type { Cluster, RedisOptions } from 'ioredis'

/** A connection of ours, made of what was given. */
export type Client = Redis | Cluster

/** A URL, options of ioredis, or a `Redis` or `Cluster` of the application. */
export type RedisSource = string | RedisOptions | Redis | Cluster

/** What was given, checked: whose options are taken, and where it leads. */
export interface RedisTarget {
  /** Never used itself: it may be the application's own. */
  readonly base: Client
  /** For messages; never the password. */
  readonly place: string
}

/** Attempts to connect before a command fails, where the application did not say: within one to five seconds. */
const RETRIES = 6
const RETRY_MAX_MS = 1_000
/**
 * With something asked and nothing heard for so long (ms) the other end is gone without a word: connect anew. The longest
 * that BullMQ waits at the server is ten seconds.
 */
const SILENCE_MS = 20_000

/**
 * Opens nothing.
 *
 * @throws WorkflowError `CONFIGURATION`, without the password
 */
export function readSource(source: unknown): RedisTarget {
  const base = baseOf(source)
  const keyPrefix = base.options.keyPrefix || redisOptionsOf(base).keyPrefix
  if (keyPrefix) {
    throw new WorkflowError(
      'CONFIGURATION',
      `the connection has the keyPrefix '${keyPrefix}', which BullMQ cannot work with: ioredis does not put it before the keys that BullMQ's scripts make. Give a connection without it, and \`prefix\` in BullQueueService's options`,
    )
  }
  return { base, place: placeOf(base) }
}

/** Where commands go: one that cannot be sent fails, as soon as the application's options say. */
export function commandClient({ base }: RedisTarget, connectionName: string): Client {
  const { maxRetriesPerRequest, enableOfflineQueue } = redisOptionsOf(base)
  const retries = maxRetriesPerRequest === ioredisDefaults().maxRetriesPerRequest ? RETRIES : maxRetriesPerRequest
  // Without a place to wait in, the very first command would fail; it fails with the connection instead.
  const patience = { enableOfflineQueue: true, maxRetriesPerRequest: enableOfflineQueue === false ? 0 : retries }
  return duplicate(base, { connectionName, ...patience })
}

/** Where workers wait and settle: they never give up, because what a handler did must not be lost for an outage. */
export function workerClient({ base }: RedisTarget, connectionName: string): Client {
  const patience = { maxRetriesPerRequest: null, enableOfflineQueue: true, commandTimeout: undefined }
  return duplicate(base, { connectionName, ...patience })
}

function duplicate(base: Client, overrides: RedisOptions): Client {
  const own: RedisOptions = {
    ...overrides,
    lazyConnect: true,
    // Replies in the form of RESP2, which is what BullMQ reads.
    replyMapping: 'legacy',
    enableAutoPipelining: false,
    socketTimeout: SILENCE_MS,
  }
  if (!base.isCluster) {
    const { retryStrategy, reconnectOnError } = redisOptionsOf(base)
    const isOurs = retryStrategy === ioredisDefaults().retryStrategy
    return gatherWrites(
      (base as Redis).duplicate({
        ...own,
        ...(isOurs ? { retryStrategy: reconnectMs } : {}),
        reconnectOnError: reconnectOnError ?? isReplica,
      }),
    )
  }
  const cluster = (base as Cluster).duplicate([], {
    ...{ lazyConnect: true, enableOfflineQueue: true, enableAutoPipelining: false, scaleReads: 'master' },
    redisOptions: own as never,
  })
  return cluster.on('+node', gatherWrites)
}

/** What is sent in one turn of the event loop leaves in one write: each is a system call that wakes the server. */
function gatherWrites(node: Redis): Redis {
  const sendCommand = node.sendCommand.bind(node)
  node.sendCommand = (command, into) => {
    const { stream } = node
    if (stream?.writable && stream.writableCorked === 0) {
      stream.cork()
      process.nextTick(() => stream.uncork())
    }
    return sendCommand(command, into)
  }
  return node
}

function baseOf(source: unknown): Client {
  if (typeof source === 'string') {
    if (!/^(rediss?:\/\/.|\/)/i.test(source)) throw notAccepted(`'${withoutPassword(source)}'`)
    return new Redis(source, { lazyConnect: true })
  }
  if (isClient(source)) return source
  // Only a plain object holds options: a client of another library does not.
  if (typeof source !== 'object' || source === null || Object.getPrototypeOf(source) !== Object.prototype) {
    throw notAccepted(typeof source === 'object' && source ? `a ${source.constructor?.name}` : String(source))
  }
  return new Redis({ ...(source as RedisOptions), lazyConnect: true, replyMapping: 'legacy' })
}

/** By its shape: the application may have loaded another copy of ioredis. */
function isClient(source: unknown): source is Client {
  if (typeof source !== 'object' || source === null) return false
  return 'isCluster' in source && 'options' in source && 'duplicate' in source && typeof source.duplicate === 'function'
}

/** What ioredis fills in where the application says nothing. */
function ioredisDefaults(): RedisOptions {
  return new Redis({ lazyConnect: true, replyMapping: 'legacy' }).options
}

/** Faster than ioredis, which waits up to five seconds: workers stand still for so long. */
function reconnectMs(times: number): number {
  return Math.min(25 * 2 ** (times - 1), RETRY_MAX_MS) * (0.5 + Math.random() / 2)
}

/** A master that became a replica: ask again who is master, where somebody (a Sentinel, a name) knows. */
function isReplica({ message }: Error): boolean {
  // Before Redis 7 it stands behind where the script met it.
  return /\bREADONLY\b/.test(message)
}

function notAccepted(given: string): WorkflowError {
  return new WorkflowError(
    'CONFIGURATION',
    `${given} is no connection to Redis; accepted is a URL like 'redis://user:password@host:6379/0', options of ioredis, or its Redis or Cluster`,
  )
}

function redisOptionsOf(base: Client): RedisOptions {
  return (base.isCluster ? (base as Cluster).options.redisOptions : (base as Redis).options) ?? {}
}

function placeOf(base: Client): string {
  if (base.isCluster) return 'a cluster'
  const { path, host, port, db, sentinels, name } = (base as Redis).options
  if (sentinels) return `the master '${name ?? ''}' of its sentinels`
  return `${path ?? `${host ?? 'localhost'}:${port ?? 6379}`}/${db ?? 0}`
}

function withoutPassword(text: string): string {
  return text.replace(/^(.*?:\/\/)?.*@/s, '$1…@').slice(0, 200)
}

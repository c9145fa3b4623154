import dns from 'node:dns'
import { Cluster, Redis } from 'ioredis'
import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis'
import { WorkflowError } from '@pikku/core/contract'

/** What may be given for a connection: a client of ioredis whose options are taken, such options, or a URL. */
export type Given = string | RedisOptions | Redis | Cluster

/** What was given, checked: where it leads to and how own clients are made of it. */
export interface Connecting {
  /** Never used itself: it may be the application's own. */
  readonly base: Redis | Cluster
  readonly isCluster: boolean
  /** `host:port/db`, for messages. Never the password. */
  readonly target: string
  readonly prefix: string
}

/** What another thread makes the same of. */
export type Recipe =
  | { readonly kind: 'server'; readonly options: RedisOptions }
  | {
      readonly kind: 'cluster'
      readonly nodes: readonly ClusterNode[]
      readonly options: ClusterOptions
      readonly redisOptions: object
    }

/** What own clients decide for themselves, or need not know to find the server: functions, which no thread can be handed. */
const ownChoices: readonly string[] = [
  'clusterRetryStrategy',
  'reconnectOnError',
  'redisOptions',
  'retryStrategy',
  'scripts',
  'sentinelReconnectStrategy',
  'sentinelRetryStrategy',
]
/** The thread has the same defaults, which are functions too. */
const defaults = new Set<unknown>([dns.lookup, dns.resolveSrv])

const maxPrefixBytes = 200

/**
 * @throws `WorkflowError` CONFIGURATION for a connection, INVALID_NAME for a prefix that is not accepted
 */
export function readGiven(given: Given, prefix: string): Connecting {
  const base = baseOf(given)
  const isCluster = base.isCluster
  const keyPrefix = base.options.keyPrefix ?? ''
  return { base, isCluster, target: targetOf(base), prefix: checkPrefix(prefix, keyPrefix) }
}

export function recipeOf({ base }: Connecting): Recipe {
  if (!base.isCluster) return { kind: 'server', options: plain(base.options as RedisOptions) }
  const { redisOptions = {} } = base.options as ClusterOptions
  const options = plain(base.options as ClusterOptions)
  const nodes = startupNodesOf(base) as ClusterNode[]
  return { kind: 'cluster', nodes, options, redisOptions: plain(redisOptions) }
}

export function madeOf(recipe: Recipe, prefix: string): Connecting {
  const base =
    recipe.kind === 'server'
      ? new Redis({ ...recipe.options, lazyConnect: true, replyMapping: 'legacy' })
      : new Cluster([...recipe.nodes], { ...recipe.options, redisOptions: recipe.redisOptions, lazyConnect: true })
  return { base, isCluster: base.isCluster, target: targetOf(base), prefix }
}

function plain<Options extends object>(options: Options): Options {
  const kept = Object.entries(options).filter(([name, value]) => !ownChoices.includes(name) && !defaults.has(value))
  return Object.fromEntries(kept) as Options
}

function baseOf(given: unknown): Redis | Cluster {
  if (typeof given === 'string') {
    if (!/^(rediss?:\/\/.|\/)/i.test(given)) throw notAccepted(`'${withoutPassword(given)}'`)
    return new Redis(given, { lazyConnect: true })
  }
  if (isClient(given)) return given
  // Only a plain object holds options: a client of another library does not.
  if (typeof given !== 'object' || given === null || Object.getPrototypeOf(given) !== Object.prototype) {
    throw notAccepted(kindOf(given))
  }
  return new Redis({ ...(given as RedisOptions), lazyConnect: true, replyMapping: 'legacy' })
}

/** By its shape: the application may have loaded another copy of ioredis. */
function isClient(given: unknown): given is Redis | Cluster {
  return (
    typeof given === 'object' &&
    given !== null &&
    'duplicate' in given &&
    typeof given.duplicate === 'function' &&
    'isCluster' in given &&
    'options' in given
  )
}

function notAccepted(found: string): WorkflowError {
  return new WorkflowError(
    'CONFIGURATION',
    `the first argument of RedisWorkflowService is a Redis or Cluster of ioredis, its options, or a URL (redis://…, rediss://… or the path of a socket); got ${found}`,
  )
}

function kindOf(given: unknown): string {
  if (given === null || typeof given !== 'object') return given === null ? 'null' : typeof given
  return Array.isArray(given) ? 'an array' : `an object of class ${given.constructor.name}`
}

/** Whatever stands between the protocol and the host may be a password. */
function withoutPassword(url: string): string {
  return url.replace(/^([a-z]*:?\/\/)?.*@/is, '$1…@').slice(0, 200)
}

function targetOf(base: Redis | Cluster): string {
  if (!base.isCluster) return addressOf(base.options as RedisOptions)
  return startupNodesOf(base).map(nodeOf).join(',')
}

/** The addresses it was made with, which ioredis tells nobody. */
function startupNodesOf(cluster: Redis | Cluster): readonly unknown[] {
  const nodes: unknown = Reflect.get(cluster, 'startupNodes')
  return Array.isArray(nodes) ? nodes : []
}

function nodeOf(node: unknown): string {
  if (typeof node === 'object' && node !== null) return addressOf(node as RedisOptions).replace(/\/\d+$/, '')
  return withoutPassword(String(node)).replace(/^[a-z]+:\/\/(…@)?/, '')
}

function addressOf({ path, host, port, db, sentinels, name }: RedisOptions): string {
  if (sentinels) return `${name ?? ''} of ${sentinels.map(addressOf).join(',')}`
  return `${path ?? `${host ?? 'localhost'}:${port ?? 6379}`}/${db ?? 0}`
}

/** A client's own `keyPrefix` comes first, as it does for everything else that client writes. */
function checkPrefix(prefix: unknown, keyPrefix: string): string {
  const problem = problemOf(prefix) ?? (keyPrefix === '' ? null : problemOf(`${keyPrefix}${prefix as string}`))
  if (problem === null) return `${keyPrefix}${prefix as string}`
  const behind = keyPrefix === '' ? '' : ` (behind the client's keyPrefix ${JSON.stringify(keyPrefix)})`
  throw new WorkflowError(
    'INVALID_NAME',
    `a prefix is 1 to ${maxPrefixBytes} bytes of text without braces, white space and control characters${behind}; ${problem}`,
  )
}

function problemOf(prefix: unknown): string | null {
  if (typeof prefix !== 'string') return `got ${kindOf(prefix)}`
  if (prefix === '') return 'got an empty one'
  // Braces tell a Cluster which keys belong together.
  if (!prefix.isWellFormed() || /[{}\s\p{Cc}]/u.test(prefix)) {
    // On one line: JSON leaves DEL and what follows it as they are.
    return `got ${JSON.stringify(prefix.slice(0, 50)).replaceAll(/\p{Cc}/gu, '\ufffd')}`
  }
  const bytes = Buffer.byteLength(prefix)
  return bytes > maxPrefixBytes ? `got ${bytes} bytes: '${prefix.slice(0, 20)}…'` : null
}

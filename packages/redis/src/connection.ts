import type { Logger, RunId } from '@pikku/core/contract'
import type { Bucket } from './buckets.ts'
import type { ScriptName } from './scripts.gen.ts'

export type { Bucket } from './buckets.ts'

/** What the server answers, as ioredis hands it over: no maps and no booleans. */
export type Reply = null | number | string | readonly Reply[]

/** A command and its arguments; the command in lower case. */
export type Command = readonly [name: string, ...args: (string | number)[]]

/** Options of `openRedisStore`. */
export interface RedisStoreOptions {
  /** The leases the engine will ask for (ms): how long waits may be follows from it. */
  readonly leaseMs: number
  /** Where the store says what it does by itself. */
  readonly logger: Logger
  /** @internal Into how many buckets a new prefix is divided. Default: 1 on a server, 64 on a Cluster. */
  readonly buckets?: number
  /** @internal Added to the server's clock in every script. */
  readonly clockOffsetMs?: () => number
  /** @internal How often it is looked whether a newer version has taken the prefix (ms). Default 30,000. */
  readonly lookAgainMs?: number
}

/**
 * Everything the store knows of the connections and of ioredis. Opens nothing before the first call.
 *
 * Whatever is asked is repeated while its outcome is unknown, for some seconds: then it rejects with
 * `StoreUnavailableError`. Definite errors of the server are thrown as they are.
 */
export interface RedisLink {
  /** As its keys begin: what was given, behind the `keyPrefix` of a given client. */
  readonly prefix: string
  /** `host:port/db`, for messages. Never the password. */
  readonly target: string
  readonly options: RedisStoreOptions
  /** The server was checked and the buckets are known. To be awaited once before `buckets`, `bucketOf` or `call`. */
  ready(): Promise<void>
  readonly buckets: readonly Bucket[]
  bucketOf(runId: RunId): Bucket
  /** Run a script: KEYS[1] is the bucket's root, ARGV[1] the clock offset; `args` follow from ARGV[2] on. */
  call(script: ScriptName, bucket: Bucket, args: readonly (string | number)[]): Promise<Reply>
  /** Plain reads of one bucket's keys, sent together and answered in their order. `waitMs`: it is given up then. */
  read(bucket: Bucket, commands: readonly Command[], waitMs?: number): Promise<readonly Reply[]>
  /** Hand a message to everybody subscribed. */
  publish(channel: string, message: string): Promise<void>
  /** Ask every node, replicas too. Null when one of them cannot be asked: then nothing is known. */
  everyNode(commands: readonly Command[]): Promise<readonly (readonly Reply[])[] | null>
  /**
   * Be subscribed to the owner's `aliveChannel` for as long as the link is open, from a thread of its own where possible,
   * which also renews the owner's leases while the main thread is blocked. Resolves once the server knows of it.
   */
  stayAlive(owner: string): Promise<void>
  /** What `stayAlive` subscribed to is not known where the living are asked for: subscribe there. */
  stayAnew(): void
  close(): Promise<void>
}

/** Who is subscribed to it lives: what `PUBSUB NUMSUB` is asked for. */
export function aliveChannel(prefix: string, owner: string): string {
  return `${prefix}:alive:${owner}`
}

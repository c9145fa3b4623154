import { StoreUnavailableError, WorkflowError, type RunId } from '@pikku/core/contract'
import { bucketAt, bucketsOf } from './buckets.ts'
import type { Bucket } from './buckets.ts'
import { answered, Client, duplicateOf, isCluster } from './client.ts'
import type { Command, RedisLink, RedisStoreOptions, Reply } from './connection.ts'
import type { Connecting } from './given.ts'
import { Lane } from './lane.ts'
import type { LaneSetup } from './lane.ts'
import { backoffMs, forbidden, forgetCommand, isForbidden, isReplica, troubleOf, unavailable } from './retryable.ts'
import { scripts } from './scripts.gen.ts'
import type { ScriptName } from './scripts.gen.ts'

/** Calls that get no definite answer are repeated for so long (ms). */
const patienceMs = 10_000
/**
 * What is done again soon is given up sooner (ms) where there are several masters: one that is away must not hold up what is
 * done at the others.
 */
const soonMs = 1000
const doneAgainSoon: ReadonlySet<ScriptName> = new Set(['sweep', 'note-owners', 'renew-leases', 'renew-owned'])
/** No answer for so long (ms) counts as none. */
const answerTimeoutMs = 5000
/** A node has so long (ms) to be asked about the living. */
const nodeMs = 1000

export interface LinkSetup {
  readonly connecting: Connecting
  readonly options: RedisStoreOptions
  /** Looks at the server before the first call, and answers into how many buckets the prefix is divided. */
  prepare(link: Link): Promise<number>
  /** Looks once more. @throws WorkflowError `SCHEMA_TOO_NEW` when a newer version has taken the prefix meanwhile */
  look(link: Link): Promise<unknown>
  living(link: Link): Living
}

/** By what the server knows that this process lives. */
export interface Living {
  enlist(owner: string): Promise<void>
  close(): Promise<void> | void
}

export class Link implements RedisLink {
  readonly prefix: string
  readonly target: string
  readonly options: RedisStoreOptions
  readonly connecting: Connecting
  readonly client: Client
  readonly #prepare: (link: Link) => Promise<number>
  readonly #look: (link: Link) => Promise<unknown>
  readonly #living: Living
  readonly #lanes = new Map<ScriptName, Map<Bucket, Lane>>()
  #buckets: readonly Bucket[] = []
  #ready: Promise<void> | undefined
  #lookAt: number
  #isClosed = false

  constructor({ connecting, options, prepare, look, living }: LinkSetup) {
    this.connecting = connecting
    this.prefix = connecting.prefix
    this.target = connecting.target
    this.options = options
    this.client = new Client(duplicateOf(connecting), answerTimeoutMs)
    this.#prepare = prepare
    this.#look = look
    this.#lookAt = performance.now() + this.#lookAgainMs
    this.#living = living(this)
  }

  get offsetMs(): number {
    return this.options.clockOffsetMs?.() ?? 0
  }

  get buckets(): readonly Bucket[] {
    return this.#buckets
  }

  bucketOf(runId: RunId): Bucket {
    return bucketAt(this.#buckets, runId)
  }

  ready(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new StoreUnavailableError('the store is closed'))
    this.#ready ??= this.#open().catch((error: unknown) => {
      this.#ready = undefined
      throw error
    })
    if (performance.now() >= this.#lookAt) void this.#lookAgain(this.#ready)
    return this.#ready
  }

  get #lookAgainMs(): number {
    return this.options.lookAgainMs ?? 30_000
  }

  /** A newer version may take the prefix while this one runs, with a layout it does not know: then it does nothing more. */
  async #lookAgain(ready: Promise<void>): Promise<void> {
    this.#lookAt = performance.now() + this.#lookAgainMs
    try {
      await ready
      await this.#look(this)
    } catch (error) {
      // A server that is away is met by whoever asks it for something; this asks again in half a minute.
      if (WorkflowError.is(error, 'SCHEMA_TOO_NEW')) this.#ready = undefined
    }
  }

  call(script: ScriptName, bucket: Bucket, args: readonly (string | number)[]): Promise<Reply> {
    if (scripts[script].takesCalls) {
      const lane = this.#laneOf(script, bucket)
      return this.insist(script, (deadline) => lane.ask(args, deadline))
    }
    return this.#run(script, (deadline) => this.#keysOf(bucket, deadline), args)
  }

  #laneOf(script: ScriptName, bucket: Bucket): Lane {
    let lanes = this.#lanes.get(script)
    if (!lanes) this.#lanes.set(script, (lanes = new Map()))
    let lane = lanes.get(bucket)
    if (!lane) {
      const send = this.#sending(script, (deadline) => this.#keysOf(bucket, deadline))
      lanes.set(bucket, (lane = new Lane({ send })))
    }
    return lane
  }

  async #keysOf(bucket: Bucket, deadline: number): Promise<readonly string[]> {
    return [bucket.root, ...(await this.#secondKey(bucket, deadline))]
  }

  script(name: ScriptName, key: string, args: readonly (string | number)[]): Promise<Reply> {
    return this.#run(name, () => Promise.resolve([key]), args)
  }

  /**
   * A key that nobody ever writes.
   *
   * While a slot is on its way to another master, a script given one key would run at either of them and see only the keys
   * that are there. It is put off (TRYAGAIN) when it is given two of which one is missing.
   *
   * On a server alone it says which server was asked: one that was started again may have lost what it last wrote.
   */
  async #secondKey({ root }: Bucket, deadline: number): Promise<readonly string[]> {
    if (this.connecting.isCluster) return [`${root}:moving`]
    const server = await this.client.serverId(deadline)
    return server === undefined ? [] : [`${root}:server:${server}`]
  }

  #run(
    name: ScriptName,
    keysOf: (deadline: number) => Promise<readonly string[]>,
    args: readonly (string | number)[],
  ): Promise<Reply> {
    // What is held at others has to be renewed in time.
    const waitMs =
      doneAgainSoon.has(name) && this.#buckets.length > 1 ? Math.min(soonMs, this.options.leaseMs / 4) : patienceMs
    const send = this.#sending(name, keysOf)
    return this.insist(name, (deadline) => send(args, deadline), waitMs)
  }

  /** One script; its text only when the server has said that it does not know it. */
  #sending(name: ScriptName, keysOf: (deadline: number) => Promise<readonly string[]>): LaneSetup['send'] {
    const { sha, text } = scripts[name]
    let isKnown = true
    return async (args, deadline) => {
      const keys = await keysOf(deadline)
      const rest = [keys.length, ...keys, this.offsetMs, ...args]
      try {
        const reply = await this.client.send(isKnown ? ['evalsha', sha, ...rest] : ['eval', text, ...rest], deadline)
        isKnown = true
        return reply
      } catch (error) {
        isKnown = troubleOf(error) !== 'unloaded'
        throw error
      }
    }
  }

  read(_bucket: Bucket, commands: readonly Command[], waitMs = patienceMs): Promise<readonly Reply[]> {
    return this.insist('read', (deadline) => this.client.sendAll(commands, deadline), waitMs)
  }

  async publish(channel: string, message: string): Promise<void> {
    await this.insist('publish', (deadline) => this.client.send(['publish', channel, message], deadline))
  }

  /** One command on the server, or on any node. */
  send(command: Command): Promise<Reply> {
    return this.insist(command[0], (deadline) => this.client.send(command, deadline))
  }

  /** One command on the server, or on every master. */
  everyMaster([name, ...args]: Command): Promise<readonly Reply[]> {
    const { client } = this
    return this.insist(name, async (deadline) => {
      if (!isCluster(client.raw)) return [await client.send([name, ...args], deadline)]
      await client.connected(deadline)
      return answered(Promise.all(client.raw.nodes('master').map((node) => node.call(name, ...args))), deadline)
    })
  }

  async everyNode(commands: readonly Command[]): Promise<readonly (readonly Reply[])[] | null> {
    const { raw } = this.client
    const deadline = performance.now() + nodeMs
    try {
      if (!isCluster(raw)) return [await this.#askMaster(commands, deadline)]
      await this.client.connected(deadline)
      const nodes = raw.nodes('all')
      // Slots of one range share one list of nodes. A node that left the pool is one we cannot reach: others may.
      if (new Set([...new Set(raw.slots)].flat()).size > nodes.length) return null
      const asked = nodes.map((node) => Promise.all(commands.map(([name, ...args]) => node.call(name, ...args))))
      return await answered(Promise.all(asked), deadline)
    } catch (error) {
      this.#heed(error)
      if (troubleOf(error) === 'broken') throw error
      this.options.logger.debug(`a node of Redis at ${this.target} cannot be asked who is alive`, error)
      return null
    }
  }

  /** Who only asks is not told that he asks a replica. Whoever has found the new master is subscribed there. */
  async #askMaster(commands: readonly Command[], deadline: number): Promise<readonly Reply[]> {
    const [role, ...answers] = await this.client.sendAll([['info', 'replication'], ...commands], deadline)
    if (String(role).includes('role:slave')) throw new Error('READONLY it is a replica')
    return answers
  }

  #heed(error: unknown): void {
    forgetCommand(error)
    if (isReplica(error)) this.client.leave()
  }

  stayAlive(owner: string): Promise<void> {
    return this.#living.enlist(owner)
  }

  stayAnew(): void {
    this.client.lead()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#living.close()
    this.client.close()
  }

  async #open(): Promise<void> {
    this.#buckets = bucketsOf(this.prefix, await this.#prepare(this))
  }

  /** Ask again while the outcome is unknown. */
  async insist<Answer>(
    doing: string,
    ask: (deadline: number) => Promise<Answer>,
    waitMs = patienceMs,
  ): Promise<Answer> {
    const deadline = performance.now() + waitMs
    for (let tries = 1; ; tries += 1) {
      try {
        return await ask(deadline)
      } catch (error) {
        this.#heed(error)
        const trouble = troubleOf(error)
        if (trouble === 'broken') throw isForbidden(error) ? forbidden(doing, this.target, error) : error
        const pauseMs = trouble === 'unloaded' ? 0 : backoffMs(tries)
        if (trouble === 'denied' || performance.now() + pauseMs > deadline) throw unavailable(doing, this.target, error)
        await new Promise((resolve) => void setTimeout(resolve, pauseMs))
      }
    }
  }
}

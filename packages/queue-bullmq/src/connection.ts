import { StoreUnavailableError, WorkflowError } from '@pikku/core/contract'
import type { Logger } from '@pikku/core/contract'
import { Queue, QueueEvents, Worker } from 'bullmq'
import type { ConnectionOptions, Processor, WorkerOptions } from 'bullmq'
import { isUnreadableJob, removeUnreadable } from './broken-jobs.ts'
import { OutageLog } from './outage-log.ts'
import { reasonOf } from './reason-of.ts'
import { commandClient, readSource, workerClient } from './redis-source.ts'
import type { Client, RedisTarget } from './redis-source.ts'
import { within } from './within.ts'

/** How long a first use waits for the server. */
const PATIENCE_MS = 5_000

/**
 * The connections of one queue service, all of them its own: one for commands, one for all workers together, and one per
 * queue for waiting. Made on first use.
 */
export class BullConnection {
  readonly log: OutageLog
  readonly #target: RedisTarget
  readonly #prefix: string
  readonly #logger: Logger
  readonly #queues = new Map<string, Promise<Queue>>()
  readonly #reconnected = new Set<() => void>()
  /** Made by BullMQ: for each worker one to wait on. */
  readonly #copies = new Set<Client>()
  #commands: Client | undefined
  #workers: Client | undefined
  #lastError: unknown
  #isClosed = false

  constructor(source: unknown, prefix: string, logger: Logger) {
    this.#target = readSource(source)
    this.#prefix = prefix
    this.#logger = logger
    this.log = new OutageLog(logger, this.#target.place)
  }

  /**
   * The connection for commands, once the server has answered on it.
   *
   * @throws StoreUnavailableError when it has not within five seconds
   */
  async start(): Promise<Client> {
    this.#assertOpen()
    this.#commands ??= this.#open(commandClient(this.#target, `${this.#prefix}:commands`))
    const client = this.#commands
    if (client.status === 'ready') return client
    try {
      await within(PATIENCE_MS, client.ping(), () => `no answer within ${PATIENCE_MS} ms`)
    } catch (error) {
      this.#assertOpen()
      const { place } = this.#target
      const reason = reasonOf(this.#lastError ?? error)
      throw new StoreUnavailableError(`Redis at ${place} cannot be reached: ${reason}`, { cause: error })
    }
    return client
  }

  /** To add to a queue and to look into it. One object per process; making it writes nothing. */
  queue(name: string): Promise<Queue> {
    const known = this.#queues.get(name)
    if (known && !this.#isClosed) return known
    const opening = this.#openQueue(name)
    this.#queues.set(name, opening)
    opening.catch(() => this.#queues.delete(name)) // the caller gets the error; the next one tries again
    return opening
  }

  /** Takes jobs of a queue; without `processor`, only when asked to. */
  async worker(name: string, processor: Processor | null, options: Omit<WorkerOptions, 'connection'>): Promise<Worker> {
    const connection = (await this.#startWorkers()) as ConnectionOptions
    const worker = new Worker(taggedName(name), processor, {
      ...options,
      ...{ connection, prefix: this.#prefix, autorun: false, runRetryDelay: 1_000 },
    })
    worker.on('error', (error) => this.failed(worker, name, error))
    worker.getBackend().on('ready', () => this.log.ready())
    const words = (): string => `no connection for the queue '${name}' within ${PATIENCE_MS} ms`
    try {
      await within(PATIENCE_MS, worker.waitUntilReady(), words)
    } catch (error) {
      await worker.close(true)
      throw error
    }
    return worker
  }

  /** Something went wrong while a worker took jobs. */
  failed(worker: Worker, name: string, error: unknown): void {
    this.log.trouble(name, error)
    if (!isUnreadableJob(error)) return
    const removing = this.#startWorkers().then((client) => removeUnreadable(worker, client, this.#logger))
    removing.catch((failed: unknown) => this.log.trouble(name, failed))
  }

  /** What happens in a queue, from `lastEventId` on. */
  async events(name: string, lastEventId: string): Promise<QueueEvents> {
    const connection = (await this.#startWorkers()) as ConnectionOptions
    const events = new QueueEvents(taggedName(name), { connection, prefix: this.#prefix, lastEventId, autorun: false })
    events.on('error', (error) => this.log.trouble(name, error))
    return events
  }

  /** The connection that workers settle on: commands on it wait for as long as there is no server. */
  async workers(): Promise<Client> {
    return await this.#startWorkers()
  }

  /** `listener` runs whenever that connection was made again. Returns the way out. */
  onReconnect(listener: () => void): () => void {
    this.#reconnected.add(listener)
    return () => this.#reconnected.delete(listener)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.log.close()
    const queues = await Promise.allSettled(this.#queues.values())
    for (const queue of queues) if (queue.status === 'fulfilled') await queue.value.close()
    await Promise.all([this.#commands, this.#workers].map((client) => client && quit(client)))
    this.#copies.forEach(end)
  }

  async #startWorkers(): Promise<Client> {
    await this.start()
    if (!this.#workers) {
      this.#workers = this.#open(workerClient(this.#target, `${this.#prefix}:workers`))
      this.#workers.on('ready', () => this.#reconnected.forEach((listener) => listener()))
      onDuplicate(this.#workers, (copy) => this.#copies.add(copy))
    }
    return this.#workers
  }

  async #openQueue(name: string): Promise<Queue> {
    const connection = (await this.start()) as ConnectionOptions
    const queue = new Queue(taggedName(name), { connection, prefix: this.#prefix, skipMetasUpdate: true })
    queue.on('error', (error) => this.log.trouble(name, error))
    try {
      await within(PATIENCE_MS, queue.waitUntilReady(), () => `no connection for the queue '${name}'`)
    } catch (error) {
      await queue.close()
      throw error
    }
    return queue
  }

  #open(client: Client): Client {
    // Without a listener, ioredis writes every failed attempt to connect to the console.
    client.on('error', (error: Error) => {
      // ioredis keeps with an error the command that met it: at a login that is the password.
      Reflect.deleteProperty(error, 'command')
      this.#lastError = error
      // It would go on with database 0, which is somebody else's.
      if (/DB index is out of range|'select' command/.test(error.message)) client.disconnect()
      this.log.lost(error)
    })
    client.on('ready', () => {
      this.#lastError = undefined
      this.log.ready()
    })
    return client
  }

  #assertOpen(): void {
    if (this.#isClosed) throw closedError()
  }
}

/** On a Cluster the keys of one queue lie together, by what is in braces, and different queues on different nodes. */
function taggedName(name: string): string {
  return `{${name}}`
}

function onDuplicate(client: Client, told: (copy: Client) => void): void {
  const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => Client
  const telling = (...args: unknown[]): Client => {
    const copy = duplicate(...args)
    told(copy)
    return copy
  }
  Object.assign(client, { duplicate: telling })
}

/** For good: where a wait was not answered in time BullMQ connects anew, also when it was closed meanwhile. */
function end(copy: Client): void {
  copy.connect = () => Promise.reject(closedError())
  copy.disconnect()
}

/** What was sent is answered first, if there is somebody to answer. */
async function quit(client: Client): Promise<void> {
  try {
    if (client.status === 'ready') await within(1_000, client.quit(), () => 'no answer to QUIT')
  } catch {
    // Gone already, which is what was asked for.
  } finally {
    client.disconnect()
  }
}

export function closedError(): WorkflowError {
  return new WorkflowError('CONFIGURATION', 'this queue service is closed')
}

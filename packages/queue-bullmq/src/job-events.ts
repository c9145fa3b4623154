import type { QueueEvents } from 'bullmq'
import type { BullConnection } from './connection.ts'

const POLL_MS = 5_000
/** A connection of its own is kept so long after the last one stopped waiting. */
const LINGER_MS = 10_000

/** Tells when jobs of one queue end, to those who wait. Listens only while somebody does. */
export class JobEvents {
  readonly #connection: BullConnection
  readonly #queue: string
  readonly #waiting = new Map<string, Set<() => void>>()
  #opening: Promise<QueueEvents> | undefined
  #isListening = false
  #linger: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(connection: BullConnection, queue: string) {
    this.#connection = connection
    this.#queue = queue
  }

  /**
   * Resolves when the job with BullMQ's id has ended, after five seconds, when `signal` aborts, or when this is closed. The
   * first time also as soon as it listens, because the job may have ended before.
   */
  async ended(id: string, signal: AbortSignal): Promise<void> {
    if (this.#isClosed || signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting = this.#waiting.get(id) ?? new Set()
    this.#waiting.set(id, waiting.add(resolve))
    clearTimeout(this.#linger)
    const timer = setTimeout(resolve, POLL_MS)
    signal.addEventListener('abort', () => resolve())
    if (!this.#isListening)
      this.#listen().then(resolve, (error: unknown) => this.#connection.log.trouble(this.#queue, error))
    await promise
    clearTimeout(timer)
    waiting.delete(resolve)
    if (waiting.size === 0) this.#waiting.delete(id)
    if (this.#waiting.size === 0) this.#linger = setTimeout(() => void this.#stop(), LINGER_MS).unref()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#linger)
    for (const id of [...this.#waiting.keys()]) this.#wake(id)
    await this.#stop()
  }

  async #listen(): Promise<void> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    await this.#opening
    this.#isListening = true
  }

  async #open(): Promise<QueueEvents> {
    const queue = await this.#connection.queue(this.#queue)
    const client = await this.#connection.start()
    const [last] = await client.xrevrange(queue.toKey('events'), '+', '-', 'COUNT', 1)
    const events = await this.#connection.events(this.#queue, last?.[0] ?? '0-0')
    events.on('completed', ({ jobId }) => this.#wake(jobId))
    events.on('failed', ({ jobId }) => this.#wake(jobId))
    events.on('removed', ({ jobId }) => this.#wake(jobId))
    events.run().catch((error: unknown) => this.#connection.log.trouble(this.#queue, error))
    return events
  }

  #wake(id: string): void {
    for (const resolve of this.#waiting.get(id) ?? []) resolve()
  }

  async #stop(): Promise<void> {
    const opening = this.#opening
    this.#opening = undefined
    this.#isListening = false
    if (!opening) return
    try {
      await (await opening).close()
    } catch (error) {
      this.#connection.log.trouble(this.#queue, error)
    }
  }
}

import { parentPort, workerData } from 'node:worker_threads'
import { madeOf, type Recipe } from './given.ts'
import { Link } from './link.ts'
import { openPrefix } from './open-prefix.ts'
import { RenewalSession } from './renewal-session.ts'
import { codeOf } from './retryable.ts'

/** What the main thread starts this one with. */
export interface ThreadData {
  readonly recipe: Recipe
  readonly prefix: string
  readonly buckets: number
  readonly leaseMs: number
}

export type Asked =
  | { readonly kind: 'enlist'; readonly id: number; readonly owner: string; readonly offsetMs: number }
  | { readonly kind: 'alive'; readonly offsetMs: number }
  | { readonly kind: 'close'; readonly id: number }
  /** The way leads to another server now: nobody writes from here as a rule, and would be told. */
  | { readonly kind: 'lead' }

export type Told =
  | { readonly kind: 'answer'; readonly id: number }
  | { readonly kind: 'error'; readonly id: number; readonly message: string; readonly code: string }
  | { readonly kind: 'log'; readonly level: 'debug' | 'warn'; readonly message: string }
  /** Whoever is not blocked answers with `alive`. */
  | { readonly kind: 'ping' }

/** The main thread may be busy with one step for so long (ms); after that it counts as hung, and its leases run out. */
const maxBlockMs = 5 * 60_000

/**
 * Tells the server that this process lives, and renews the leases of a main thread that is blocked by a long computation:
 * those that the server knows as its own. A main thread that is blocked as soon as it has claimed something never got to
 * name it here.
 */
class RenewalThread {
  readonly #port = parentPort
  readonly #data: ThreadData
  readonly #link: Link
  #session: RenewalSession | undefined
  #offsetMs = 0
  #isClosed = false
  #heardAt = performance.now()

  constructor(data: ThreadData) {
    this.#data = data
    const tell = (level: 'debug' | 'warn', message: string): void => this.#tell({ kind: 'log', level, message })
    const logger = {
      debug: (message: string) => tell('debug', message),
      info: (message: string) => tell('debug', message),
      warn: (message: string) => tell('warn', message),
      error: (message: string) => tell('warn', message),
    }
    const { recipe, prefix, buckets, leaseMs } = data
    const options = { leaseMs, logger, buckets, clockOffsetMs: () => this.#offsetMs }
    // The main thread has looked at the server already.
    this.#link = new Link({
      connecting: madeOf(recipe, prefix),
      options,
      prepare: openPrefix,
      look: openPrefix,
      living: (link) => (this.#session = new RenewalSession(link)),
    })
  }

  start(): void {
    this.#port?.on('message', (asked: Asked) => void this.#onAsked(asked))
    setInterval(() => void this.#tick(), Math.max(50, this.#data.leaseMs / 6)).unref()
  }

  async #onAsked(asked: Asked): Promise<void> {
    this.#heardAt = performance.now()
    if (asked.kind === 'lead') return this.#follow()
    if (asked.kind !== 'close') this.#offsetMs = asked.offsetMs
    if (asked.kind === 'alive') return
    try {
      if (asked.kind === 'enlist') await this.#link.stayAlive(asked.owner)
      else await this.#close()
      this.#tell({ kind: 'answer', id: asked.id })
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      this.#tell({ kind: 'error', id: asked.id, message, code: codeOf(error) })
    }
  }

  #follow(): void {
    this.#link.client.leave()
    this.#link.client.lead()
  }

  async #close(): Promise<void> {
    this.#isClosed = true
    await this.#link.close()
    this.#port?.unref()
  }

  /**
   * Silence longer than a tick means that the main thread is blocked: it answers every ping otherwise. A lease that it
   * renewed itself a third of its time ago has a quarter left then, at least.
   */
  async #tick(): Promise<void> {
    const silentMs = performance.now() - this.#heardAt
    this.#tell({ kind: 'ping' })
    const { leaseMs } = this.#data
    if (this.#isClosed || silentMs < leaseMs / 4 || silentMs > maxBlockMs) return
    try {
      await this.#session?.renewOwned(leaseMs)
    } catch (error) {
      const message = `renewing leases for a blocked main thread failed: ${String(error)}`
      this.#tell({ kind: 'log', level: 'warn', message })
    }
  }

  #tell(told: Told): void {
    this.#port?.postMessage(told)
  }
}

new RenewalThread(workerData as ThreadData).start()

import { parentPort, workerData } from 'node:worker_threads'
import { Driver } from './driver.ts'
import type { ConnectionOptions } from './driver.ts'
import { RenewalSession } from './renewal-session.ts'
import type { Enlisting, Renewing } from './renewal-session.ts'
import { codeOf } from './retryable.ts'
import { openSchema } from './schema.ts'

/** What the main thread starts this one with. */
export interface ThreadData {
  readonly base: ConnectionOptions
  readonly schema: string
  readonly prepare: boolean
  readonly leaseMs: number
  readonly answerTimeoutMs: number
}

export type Asked =
  | { readonly kind: 'enlist'; readonly id: number; readonly given: Enlisting }
  | { readonly kind: 'renew'; readonly id: number; readonly given: Renewing }
  | { readonly kind: 'alive'; readonly id: number }
  | { readonly kind: 'close'; readonly id: number }

export type Told =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly message: string; readonly code: string }
  | { readonly kind: 'log'; readonly level: 'debug' | 'warn'; readonly message: string }
  /** Whoever is not blocked answers with `alive`. */
  | { readonly kind: 'ping' }

/** The main thread may be busy with one step for so long (ms); after that it counts as hung, and its leases run out. */
const maxBlockMs = 5 * 60_000

/**
 * Renews the leases of a main thread that is blocked by a long computation, from its own connection: those that the
 * database knows as its own. A main thread that is blocked as soon as it has claimed something never got to name it here.
 */
class RenewalThread {
  readonly #port = parentPort
  readonly #data: ThreadData
  readonly #session: RenewalSession
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
    const { base, prepare, leaseMs, answerTimeoutMs } = data
    const driver = new Driver(base, { logger, prepare, userTimeoutMs: leaseMs, answerTimeoutMs })
    this.#session = new RenewalSession({ driver, schema: openSchema(data.schema), leaseMs })
  }

  start(): void {
    this.#port?.on('message', (asked: Asked) => void this.#onAsked(asked))
    setInterval(() => void this.#tick(), Math.max(50, this.#data.leaseMs / 6)).unref()
  }

  async #onAsked(asked: Asked): Promise<void> {
    this.#heardAt = performance.now()
    if (asked.kind === 'alive') return
    try {
      this.#tell({ kind: 'answer', id: asked.id, answer: await this.#answer(asked) })
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      this.#tell({ kind: 'error', id: asked.id, message, code: codeOf(error) })
    }
  }

  async #answer(asked: Exclude<Asked, { kind: 'alive' }>): Promise<unknown> {
    switch (asked.kind) {
      case 'enlist':
        return this.#session.enlist(asked.given)
      case 'renew':
        return this.#session.renew(asked.given)
      case 'close':
        this.#isClosed = true
        await this.#session.close()
        this.#port?.unref()
        return null
    }
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
      await this.#session.renewOwned(leaseMs)
    } catch (error) {
      this.#tell({
        kind: 'log',
        level: 'warn',
        message: `renewing leases for a blocked main thread failed: ${String(error)}`,
      })
    }
  }

  #tell(told: Told): void {
    this.#port?.postMessage(told)
  }
}

new RenewalThread(workerData as ThreadData).start()

import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { StoreUnavailableError } from '@pikku/core/contract'
import type { Logger } from '@pikku/core/contract'
import { closed } from './client.ts'
import type { Client } from './client.ts'
import { recipeOf } from './given.ts'
import type { Link, Living } from './link.ts'
import { RenewalSession } from './renewal-session.ts'
import type { Asked, ThreadData, Told } from './renewal-thread.ts'

/** The telling of life, and the renewal of leases while the main thread is blocked: in a thread of its own where that is possible. */
export class Renewal implements Living {
  readonly #link: Link
  readonly #owners = new Set<string>()
  #session: Living | undefined

  constructor(link: Link) {
    this.#link = link
  }

  async enlist(owner: string): Promise<void> {
    this.#owners.add(owner)
    this.#session ??= startThread(this.#link, (error) => this.#goOnWithout(error)) ?? new RenewalSession(this.#link)
    const session = this.#session
    try {
      await session.enlist(owner)
    } catch (error) {
      // The thread has ended meanwhile: the one that took over answers.
      if (session === this.#session) throw error
      await this.#session.enlist(owner)
    }
  }

  async close(): Promise<void> {
    await this.#session?.close()
  }

  /** The thread ended by itself, or its file is not where this one is (a bundle): the main thread takes over. */
  #goOnWithout(error: Error): void {
    const { logger } = this.#link.options
    logger.warn(
      'the thread that renews leases has ended: while a step blocks the main thread its leases are not renewed',
      error,
    )
    const session = new RenewalSession(this.#link)
    this.#session = session
    for (const owner of this.#owners) {
      session.enlist(owner).catch((failed: unknown) => {
        logger.warn(`${owner} is not known as alive: its leases may be taken over while it works`, failed)
      })
    }
  }
}

/** Null when the options of the connection hold something that another thread cannot be given, like a function. */
function startThread(link: Link, onEnd: (error: Error) => void): Living | null {
  const { connecting, prefix, buckets, options } = link
  const extension = extname(import.meta.url)
  try {
    const workerData: ThreadData = {
      recipe: recipeOf(connecting),
      prefix,
      buckets: buckets.length,
      leaseMs: options.leaseMs,
    }
    // From source, the packages of this repo are found by their sources too.
    const execArgv = extension === '.ts' ? ['--conditions=pikku-source'] : []
    const worker = new Worker(new URL(`./renewal-thread${extension}`, import.meta.url), { workerData, execArgv })
    return new ThreadSession(worker, {
      client: link.client,
      logger: options.logger,
      offsetMs: () => link.offsetMs,
      onEnd,
    })
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'DataCloneError')) throw error
    options.logger.warn(
      'no thread renews leases, for the connection options cannot be handed to another: while a step blocks the main thread its leases are not renewed',
      error,
    )
    return null
  }
}

interface Waiting {
  resolve(): void
  reject(error: unknown): void
}

interface ThreadOptions {
  /** Of the main thread. */
  readonly client: Client
  readonly logger: Logger
  offsetMs(): number
  onEnd(error: Error): void
}

class ThreadSession implements Living {
  readonly #worker: Worker
  readonly #options: ThreadOptions
  readonly #waiting = new Map<number, Waiting>()
  #ids = 0
  #ended: Error | undefined
  #closing: Promise<void> | undefined

  constructor(worker: Worker, options: ThreadOptions) {
    this.#worker = worker
    this.#options = options
    worker.unref()
    worker.on('message', (told: Told) => {
      if (told.kind === 'ping') this.#tell({ kind: 'alive', offsetMs: options.offsetMs() })
      else if (told.kind === 'log') options.logger[told.level](told.message)
      else this.#onAnswer(told)
    })
    worker.on('error', (error) => this.#onEnd(error))
    worker.on('exit', () => this.#onEnd(new Error('the thread that renews leases has ended')))
    options.client.onLead(() => this.#tell({ kind: 'lead' }))
  }

  enlist(owner: string): Promise<void> {
    return this.#ask((id) => ({ kind: 'enlist', id, owner, offsetMs: this.#options.offsetMs() }))
  }

  /** Twice at once is once: the thread that ends answers nobody any more. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#ended) return
    await this.#ask((id) => ({ kind: 'close', id }))
    await this.#worker.terminate()
  }

  #ask(asked: (id: number) => Asked): Promise<void> {
    if (this.#ended) return Promise.reject(this.#ended)
    this.#ids += 1
    const id = this.#ids
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      // Somebody waits for this answer: until then the thread is worth staying alive for.
      this.#worker.ref()
      this.#tell(asked(id))
    })
  }

  #tell(asked: Asked): void {
    this.#worker.postMessage(asked)
  }

  #onAnswer(told: Extract<Told, { kind: 'answer' | 'error' }>): void {
    const waiting = this.#waiting.get(told.id)
    this.#waiting.delete(told.id)
    if (this.#waiting.size === 0) this.#worker.unref()
    if (told.kind === 'answer') waiting?.resolve()
    else waiting?.reject(errorOf(told))
  }

  #onEnd(error: Error): void {
    if (this.#ended) return
    this.#ended = this.#closing ? closed() : error
    if (!this.#closing) this.#options.onEnd(error)
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended)
    this.#waiting.clear()
  }
}

/** Of an error only its words pass from thread to thread. */
function errorOf({ message, code }: { readonly message: string; readonly code: string }): Error {
  return code === 'STORE_UNAVAILABLE' ? new StoreUnavailableError(message) : Object.assign(new Error(message), { code })
}

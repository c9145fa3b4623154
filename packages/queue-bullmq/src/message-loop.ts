import { setTimeout as sleep } from 'node:timers/promises'
import { randomUUID } from 'node:crypto'
import type { Job, Worker } from 'bullmq'

/** As many at once a busy queue is asked for. */
const MAX_BATCH = 32
const RETRY_MIN_MS = 100
/** How long stopping waits for a server that does not answer. */
const STOP_PATIENCE_MS = 2_000
const RETRY_MAX_MS = 5_000

export interface MessageLoopOptions {
  /** Takes nothing by itself. */
  readonly worker: Worker
  /** How many may be under way at once. */
  readonly slots: number
  /** Takes one slot until it settles. */
  readonly deliver: (job: Job, token: string) => Promise<void>
  readonly onError: (error: unknown) => void
}

/** Takes from one queue exactly as much as there are free slots. While there is nothing, one call waits at the server. */
export class MessageLoop {
  readonly #options: MessageLoopOptions
  readonly #loop: Promise<void>
  #free: number
  #isStopped = false
  #isLeft = false
  #isEmpty = false
  #batch = 1
  #slotFree: (() => void) | undefined
  #retryMs = RETRY_MIN_MS

  constructor(options: MessageLoopOptions) {
    this.#options = options
    this.#free = options.slots
    this.#loop = this.#run()
  }

  /** Take no more. Resolves when nothing further will be delivered. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#slotFree?.()
    // Ends the wait at the server; BullMQ's other way out is to let it run to its end.
    await this.#options.worker.close(true)
    await Promise.race([this.#loop, sleep(STOP_PATIENCE_MS, undefined, { ref: false })])
    this.#isLeft = true
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      if (this.#free === 0) await new Promise<void>((resolve) => (this.#slotFree = resolve))
      else await this.#fetch()
    }
  }

  async #fetch(): Promise<void> {
    try {
      const found = this.#isEmpty ? await this.#wait() : await this.#take(Math.min(this.#free, this.#batch))
      this.#retryMs = RETRY_MIN_MS
      this.#batch = found ? Math.min(this.#batch * 2, MAX_BATCH) : 1
      this.#isEmpty = !found
    } catch (error) {
      if (this.#isStopped) return
      this.#options.onError(error)
      await sleep(this.#retryMs, undefined, { ref: false })
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS)
    }
  }

  async #wait(): Promise<boolean> {
    return await this.#next(true)
  }

  /** All of them on their way to the server at once. True when each found something. */
  async #take(count: number): Promise<boolean> {
    const taken = await Promise.all(Array.from({ length: count }, () => this.#next(false)))
    return taken.every(Boolean)
  }

  async #next(block: boolean): Promise<boolean> {
    const token = randomUUID()
    const job = await this.#options.worker.getNextJob(token, { block })
    // What a server still answers when nobody waits any more comes back like what a dead worker took along.
    if (!job || this.#isLeft) return false
    this.#deliver(job, token)
    return true
  }

  #deliver(job: Job, token: string): void {
    this.#free--
    void this.#options
      .deliver(job, token)
      .catch(this.#options.onError)
      .then(() => {
        this.#free++
        this.#slotFree?.()
      })
  }
}

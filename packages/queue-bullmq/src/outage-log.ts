import type { Logger } from '@pikku/core/contract'
import { reasonOf } from './reason-of.ts'

/** Reports what goes wrong beside the calls: an outage once, however many connections see it and however often. */
export class OutageLog {
  readonly #logger: Logger
  readonly #place: string
  #isOut = false
  #isClosed = false

  constructor(logger: Logger, place: string) {
    this.#logger = logger
    this.#place = place
  }

  /** A connection is gone, or could not be made. */
  lost(error: unknown): void {
    if (this.#isOut || this.#isClosed) return
    this.#isOut = true
    this.#logger.error(
      `queue: no connection to Redis at ${this.#place}; trying again until there is: ${reasonOf(error)}`,
    )
  }

  /** There is a connection. */
  ready(): void {
    if (this.#isOut && !this.#isClosed) this.#logger.info(`queue: connected to Redis at ${this.#place} again`)
    this.#isOut = false
  }

  /** Something went wrong in the queue `name`. */
  trouble(name: string, error: unknown): void {
    if (isConnectionError(error)) this.lost(error)
    else if (!this.#isClosed) this.#logger.warn(`queue ${name}: ${reasonOf(error)}`)
  }

  /** Connections are being closed from here on, and what they say about that is of no interest. */
  close(): void {
    this.#isClosed = true
  }
}

function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if ('syscall' in error || error.message === 'Connection is closed.') return true
  return /^(MaxRetriesPerRequestError|ClusterAllFailedError|ConnectionClosedError)$/.test(error.name)
}

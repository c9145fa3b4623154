import { randomUUID } from 'node:crypto'
import type { NewSignal, RunId, WorkItem } from '@pikku/core/contract'
import type { RedisLink } from './connection.ts'
import type { Outbox } from './outbox.ts'
import { list, toItems } from './rows.ts'

export interface Signalled {
  readonly accepted: boolean
  readonly wake: readonly WorkItem[]
}

export interface Cancelled {
  readonly cancelled: boolean
  readonly wake: readonly WorkItem[]
}

/** What comes from outside a run: people and other runs. */
export class OutsideOperations {
  readonly #link: RedisLink
  readonly #outbox: Outbox

  constructor(link: RedisLink, outbox: Outbox) {
    this.#link = link
    this.#outbox = outbox
  }

  async signalRun(signal: NewSignal): Promise<Signalled> {
    await this.#link.ready()
    if (signal.kind === 'resume') return this.#resume(signal.runId)
    const { runId, signalId, name, payload } = signal
    const args = [runId, randomUUID(), signalId, name, payload]
    const reply = await this.#link.call('signal-run', this.#link.bucketOf(runId), args)
    if (reply === null) return { accepted: false, wake: [] }
    return { accepted: true, wake: toItems(list(reply)[0]) }
  }

  async #resume(runId: RunId): Promise<Signalled> {
    const bucket = this.#link.bucketOf(runId)
    for (;;) {
      const reply = await this.#link.call('resume-run', bucket, [runId])
      if (reply === null) return { accepted: false, wake: [] }
      if (reply !== 'more') return { accepted: true, wake: toItems(list(reply)[0]) }
    }
  }

  async cancelRun(runId: RunId, reason: string): Promise<Cancelled> {
    await this.#link.ready()
    const bucket = this.#link.bucketOf(runId)
    const entries = await this.#link.call('cancel-run', bucket, [runId, randomUUID(), reason])
    if (entries === null) return { cancelled: false, wake: [] }
    return { cancelled: true, wake: await this.#outbox.ended(bucket, entries, { runId, ending: ['reason', reason] }) }
  }
}

import { Batcher } from '@pikku/core/queue'
import type { JobInsert } from 'pg-boss'
import type { Bell } from './bell.ts'
import { isRefusal } from './connection.ts'
import type { BossConnection } from './connection.ts'

const MAX_JOBS = 1_000
const MAX_BYTES = 1_048_576

/** A job on its way into a queue. `bytes`: about how much it weighs. */
export interface OutgoingJob {
  readonly job: JobInsert & { readonly id: string }
  readonly bytes: number
  readonly delayMs: number
}

interface Entry extends OutgoingJob {
  readonly resolve: (inserted: boolean) => void
  readonly reject: (error: unknown) => void
}

/** Inserts what one turn of the event loop brings in one statement per queue, and rings the bell once that is committed. */
export class Outbox {
  readonly #connection: BossConnection
  readonly #bell: Bell
  readonly #lanes = new Map<string, Batcher<Entry>>()

  constructor(connection: BossConnection, bell: Bell) {
    this.#connection = connection
    this.#bell = bell
  }

  /** Resolves once committed: false when a job with this id was there already. The queue must exist. */
  insert(queue: string, outgoing: OutgoingJob): Promise<boolean> {
    return new Promise((resolve, reject) => this.#lane(queue).add({ ...outgoing, resolve, reject }))
  }

  /** Resolves when nothing is on its way any more. */
  async drained(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.drained()))
  }

  #lane(queue: string): Batcher<Entry> {
    let lane = this.#lanes.get(queue)
    if (!lane) {
      const flush = (batch: readonly Entry[]): Promise<void> => this.#flush(queue, batch)
      lane = new Batcher({ max: MAX_JOBS, maxWeight: MAX_BYTES, weigh: (entry) => entry.bytes, flush })
      this.#lanes.set(queue, lane)
    }
    return lane
  }

  async #flush(queue: string, batch: readonly Entry[]): Promise<void> {
    const first = new Map<string, Entry>()
    for (const entry of batch) if (!first.has(entry.job.id)) first.set(entry.job.id, entry)
    try {
      const boss = await this.#connection.start()
      const jobs = [...first.values()].map((entry) => entry.job)
      const inserted = new Set(
        await boss.insert(queue, jobs, { returnId: true, db: await this.#connection.preparing() }),
      )
      for (const entry of batch) entry.resolve(inserted.has(entry.job.id) && first.get(entry.job.id) === entry)
      if (inserted.size === 0) return
      for (const delayMs of new Set(batch.map((entry) => entry.delayMs))) this.#bell.ring(queue, delayMs)
    } catch (error) {
      await this.#failed(queue, batch, error)
    }
  }

  /** One caller's refused values never touch the others': alone, each gets its own answer. */
  async #failed(queue: string, batch: readonly Entry[], error: unknown): Promise<void> {
    this.#connection.forgetQueue(queue) // it may be gone: look before the next insert
    if (batch.length > 1 && isRefusal(error)) {
      for (const entry of batch) await this.#flush(queue, [entry])
      return
    }
    for (const entry of batch) entry.reject(error)
  }
}

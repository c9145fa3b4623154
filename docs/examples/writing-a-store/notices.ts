import { WorkflowError } from '@pikku/core/contract'
import type { NoticeKind, NoticeListener, RunId, RunNotices } from '@pikku/core/contract'
import type { Database } from './database.ts'

const pollMs = 25
const keptMs = 60_000

interface Notice {
  readonly runId: RunId
  readonly kind: NoticeKind
}

/** Word of changed runs: a table that everybody who listens polls. */
export class SqliteNotices implements RunNotices {
  readonly live = true
  readonly #db: Database
  readonly #listeners = new Set<NoticeListener>()
  #polling: NodeJS.Timeout | undefined
  /** The newest notice that was heard. */
  #heard = 0

  constructor(db: Database) {
    this.#db = db
  }

  async publish(runIds: readonly RunId[], kind: NoticeKind = 'changed'): Promise<void> {
    this.#tell(runIds.map((runId) => ({ runId, kind })))
    if (runIds.length === 0) return
    await this.#db.write(() => {
      for (const runId of runIds) this.#db.insert('notices', { runId, kind, at: this.#db.now })
      this.#db.run('delete from notices where at < :before', { before: this.#db.now - keptMs })
    })
  }

  async subscribe({ onChanged, onMissed }: NoticeListener): Promise<{ close(): Promise<void> }> {
    this.#heard = this.#polling ? this.#heard : await this.#db.read(() => this.#newest())
    const listener = { onChanged, onMissed }
    this.#listeners.add(listener)
    this.#polling ??= this.#pollLater()
    return {
      close: async () => {
        this.#listeners.delete(listener)
        if (this.#listeners.size > 0) return
        clearTimeout(this.#polling)
        this.#polling = undefined
      },
    }
  }

  #pollLater(): NodeJS.Timeout {
    return setTimeout(() => void this.#poll(), pollMs).unref()
  }

  async #poll(): Promise<void> {
    try {
      await this.#db.read(() => this.#hear())
    } catch (error) {
      // Whoever listens also looks by itself; the next poll tells them that something may have been missed.
      if (!WorkflowError.is(error, 'STORE_UNAVAILABLE')) throw error
      this.#heard = -1
    }
    if (this.#polling) this.#polling = this.#pollLater()
  }

  #hear(): void {
    const rows = this.#db.all<Notice & { place: number }>('select * from notices where place > :heard', {
      heard: this.#heard,
    })
    const first = rows[0]?.place ?? this.#heard + 1
    if (first > this.#heard + 1) for (const { onMissed } of this.#listeners) onMissed()
    this.#heard = this.#newest()
    this.#tell(rows)
  }

  #newest(): number {
    return this.#db.get<{ place: number | null }>('select max(place) as place from notices')?.place ?? 0
  }

  #tell(notices: readonly Notice[]): void {
    for (const { onChanged } of [...this.#listeners]) for (const { runId, kind } of notices) onChanged(runId, kind)
  }
}

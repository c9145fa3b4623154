import type { NoticeKind, NoticeListener, RunId, RunNotices } from '../contract/index.ts'
import type { MemoryTables } from './memory-tables.ts'

/** Notices between everything that shares the tables. Own listeners hear at once, the others a little later. */
export class MemoryNotices implements RunNotices {
  readonly live = true
  readonly #tables: MemoryTables
  readonly #own = new Set<NoticeListener>()

  constructor(tables: MemoryTables) {
    this.#tables = tables
  }

  async publish(runIds: readonly RunId[], kind: NoticeKind = 'changed'): Promise<void> {
    for (const listener of [...this.#own]) tell(listener, runIds, kind)
    await new Promise((resolve) => setImmediate(resolve))
    for (const listener of [...this.#tables.listeners]) if (!this.#own.has(listener)) tell(listener, runIds, kind)
  }

  subscribe(listener: NoticeListener): Promise<{ close(): Promise<void> }> {
    const own: NoticeListener = {
      onChanged: (runId, kind) => listener.onChanged(runId, kind),
      onMissed: () => listener.onMissed(),
    }
    this.#own.add(own)
    this.#tables.listeners.add(own)
    const close = (): Promise<void> => {
      this.#own.delete(own)
      this.#tables.listeners.delete(own)
      return Promise.resolve()
    }
    return Promise.resolve({ close })
  }
}

function tell(listener: NoticeListener, runIds: readonly RunId[], kind: NoticeKind): void {
  for (const runId of runIds) listener.onChanged(runId, kind)
}

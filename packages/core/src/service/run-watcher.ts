import type { Clock, NoticeKind, Run, RunId, RunNotices, WorkflowReader } from '../contract/index.ts'
import { WorkflowError } from '../contract/index.ts'
import { Bell } from '../engine/bell.ts'
import type { Report } from '../engine/report.ts'
import type { EngineSettings } from '../engine/settings.ts'

/** Behind notices that do not arrive, this often at first. */
const firstPollMs = 100
const pollGrowth = 1.5
const slowestPollMs = 1_000

/** Undefined: something may have been missed. */
type Hear = (kind?: NoticeKind) => void

/** Looks at runs whenever something is heard of them, and slowly by itself in case nothing is. */
export class RunWatcher {
  readonly #reader: WorkflowReader
  readonly #notices: RunNotices
  readonly #clock: Clock
  readonly #settings: EngineSettings
  readonly #report: Report
  readonly #bells = new Map<RunId, Set<Hear>>()
  #listening: Promise<{ close(): Promise<void> } | null> | null = null
  readonly #closed = new AbortController()

  constructor(parts: {
    reader: WorkflowReader
    notices: RunNotices
    clock: Clock
    settings: EngineSettings
    report: Report
  }) {
    this.#reader = parts.reader
    this.#notices = parts.notices
    this.#clock = parts.clock
    this.#settings = parts.settings
    this.#report = parts.report
  }

  /**
   * Hands over the run (null: unknown) now, when something is heard of it, and when it is found changed, until `look`
   * answers true, `signal` aborts or this is closed.
   */
  watch(runId: RunId, signal: AbortSignal, look: (run: Run | null) => boolean): Promise<void> {
    return this.#watch({ runId, signal, look, ignores: null })
  }

  async #watch({ runId, signal, look, ignores }: Watch): Promise<void> {
    const bell = new Bell()
    const over = AbortSignal.any([signal, this.#closed.signal])
    let heard = true
    const hear: Hear = (kind) => {
      if (kind !== undefined && kind === ignores) return
      heard = true
      bell.ring()
    }
    let seen: string | null = null
    const isOver = (): Promise<boolean> => {
      const told = heard
      heard = false
      return this.#looked(runId, (run) => {
        const before = seen
        seen = run && `${run.status} ${run.updatedAt}`
        // An answer that comes too late is nobody's any more.
        return over.aborted || ((told || seen !== before) && look(run))
      })
    }
    const bells = this.#bells.get(runId) ?? new Set()
    this.#bells.set(runId, bells.add(hear))
    signal.addEventListener('abort', bell.ring)
    try {
      // Listening comes before looking: what changes in between rings.
      await unlessOver(this.#listen(), over)
      let pollMs = firstPollMs
      while (!over.aborted && !(await unlessOver(isOver(), over))) {
        const next = new AbortController()
        const waitMs = this.#notices.live ? this.#settings.watchPollMs : pollMs
        pollMs = Math.min(pollMs * pollGrowth, slowestPollMs)
        // An aborted sleep resolves too: it must not ring, or this would look without end.
        const ring = (): void => {
          if (!next.signal.aborted) bell.ring()
        }
        void this.#clock.sleep(waitMs, next.signal).then(ring)
        await bell.wait()
        // With a reason at hand: without one each abort makes an error and its stack.
        next.abort('rung')
      }
    } finally {
      signal.removeEventListener('abort', bell.ring)
      bells.delete(hear)
      if (bells.size === 0) this.#bells.delete(runId)
    }
  }

  /** The run as it was last seen when `isOver` held or the watch ended: null: there is none; undefined: nobody could be asked. */
  async until(runId: RunId, signal: AbortSignal, isOver: (run: Run) => boolean): Promise<Run | null | undefined> {
    let last: Run | null | undefined
    const look = (run: Run | null): boolean => {
      last = run
      return run === null || isOver(run)
    }
    await this.#watch({ runId, signal, look, ignores: 'progress' })
    return last
  }

  /** The database being away is no answer: whoever waits goes on waiting. */
  async #looked(runId: RunId, look: (run: Run | null) => boolean): Promise<boolean> {
    try {
      return look(await this.#reader.getRun(runId))
    } catch (error) {
      if (this.#closed.signal.aborted) return true
      if (!WorkflowError.is(error, 'STORE_UNAVAILABLE')) throw error
      this.#report({ kind: 'trouble', during: 'looking at a run', runId, error })
      return false
    }
  }

  async close(): Promise<void> {
    this.#closed.abort()
    for (const bells of this.#bells.values()) this.#ring(bells)
    const listening = this.#listening
    this.#listening = null
    await (await listening)?.close()
  }

  async #listen(): Promise<void> {
    this.#listening ??= this.#notices
      .subscribe({
        onChanged: (runId, kind) => this.#ring(this.#bells.get(runId), kind),
        onMissed: () => [...this.#bells.values()].forEach((bells) => this.#ring(bells)),
      })
      .catch((error: unknown) => {
        this.#report({ kind: 'trouble', during: 'listening for changes of runs', error })
        this.#listening = null
        return null
      })
    await this.#listening
  }

  #ring(bells: ReadonlySet<Hear> | undefined, kind?: NoticeKind): void {
    for (const hear of bells ?? []) hear(kind)
  }
}

interface Watch {
  readonly runId: RunId
  readonly signal: AbortSignal
  readonly look: (run: Run | null) => boolean
  /** Whoever waits for the end does not look at every step. */
  readonly ignores: NoticeKind | null
}

/** What this answers, or undefined as soon as `over` aborts: a database that is silent keeps nobody. */
async function unlessOver<T>(work: Promise<T>, over: AbortSignal): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const leave = (): void => resolve(undefined)
  if (over.aborted) leave()
  over.addEventListener('abort', leave)
  try {
    return await Promise.race([work, promise])
  } finally {
    over.removeEventListener('abort', leave)
  }
}

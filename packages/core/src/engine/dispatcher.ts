import type { Doorbell, RunId, RunItem, RunNotices, StepItem, WorkItem } from '../contract/index.ts'
import type { LeaseKeeper } from './lease-keeper.ts'
import type { Report } from './report.ts'

/** How long progress notices are gathered: they are for people watching, not for the engine. */
const gatherProgressMs = 100

/**
 * Hands work on, as best it can: to this process where that is quickest, else to the queue. Never rejects, because the
 * sweep finds whatever it loses.
 */
export class Dispatcher {
  readonly #doorbell: Pick<Doorbell, 'ring'>
  readonly #notices: RunNotices
  readonly #keeper: LeaseKeeper
  readonly #report: Report
  readonly #progress = new Set<RunId>()
  #gathering: NodeJS.Timeout | null = null
  readonly #telling = new Set<Promise<void>>()
  /** Set while this process takes turns: takes the item if there is room. */
  takeHere: (item: RunItem) => boolean = () => false
  /** Set while this process runs steps: takes the item if there is room. */
  takeStepHere: (item: StepItem) => boolean = () => false

  constructor(parts: { doorbell: Pick<Doorbell, 'ring'>; notices: RunNotices; keeper: LeaseKeeper; report: Report }) {
    this.#doorbell = parts.doorbell
    this.#notices = parts.notices
    this.#keeper = parts.keeper
    this.#report = parts.report
  }

  async dispatch(items: readonly WorkItem[]): Promise<void> {
    const elsewhere: RunId[] = []
    const toRing = items.filter((item) => {
      if (item.kind === 'step') return true
      // Nobody held it when it was woken: a holder here has left it in the store already and will not look again.
      if (!item.held) return !this.takeHere(item)
      if (!this.#keeper.wake(item.runId)) elsewhere.push(item.runId)
      return false
    })
    if (elsewhere.length > 0) this.tell(elsewhere)
    if (toRing.length === 0) return
    try {
      await this.#doorbell.ring(toRing)
    } catch (error) {
      this.#report({ kind: 'trouble', during: 'ringing the queue', error })
    }
  }

  /** What a sweep found goes round the queue where it can: the queue may be what lost it (A24). */
  dispatchSwept(items: readonly WorkItem[]): Promise<void> {
    return this.dispatch(items.filter((item) => item.kind === 'run' || !this.takeStepHere(item)))
  }

  /** Tell the other processes at once: a run ended, or its holder is to look. */
  tell(runIds: readonly RunId[]): void {
    const telling = this.#publish(runIds).then(() => void this.#telling.delete(telling))
    this.#telling.add(telling)
  }

  /** Tell those who watch, some time soon. */
  progressed(runId: RunId): void {
    this.#progress.add(runId)
    this.#gathering ??= setTimeout(() => void this.#tellProgress(), gatherProgressMs).unref()
  }

  /** Tell what there is left to tell. */
  async close(): Promise<void> {
    if (this.#gathering) await this.#tellProgress()
    await Promise.all(this.#telling)
  }

  #tellProgress(): Promise<void> {
    if (this.#gathering) clearTimeout(this.#gathering)
    this.#gathering = null
    const runIds = [...this.#progress]
    this.#progress.clear()
    return this.#publish(runIds)
  }

  async #publish(runIds: readonly RunId[]): Promise<void> {
    try {
      await this.#notices.publish(runIds)
    } catch (error) {
      this.#report({ kind: 'trouble', during: 'sending notices', error })
    }
  }
}

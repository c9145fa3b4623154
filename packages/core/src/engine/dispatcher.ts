import type { Clock, Doorbell, NoticeKind, RunId, RunItem, RunNotices, StepItem, WorkItem } from '../contract/index.ts'
import type { LeaseKeeper } from './lease-keeper.ts'
import type { Report } from './report.ts'

/** How long progress notices are gathered: they are for people watching, not for the engine. */
const gatherProgressMs = 100
const longestGatherMs = 1_000
/** So much of what sweeps found waits for a queue that does not answer; what is more, a later sweep finds again. */
const mostWaiting = 1_000
/** How long closing waits for a queue that does not answer. */
const patienceMs = 1_000

/**
 * Hands work on, as best it can: to this process where that is quickest, else to the queue. Never rejects, because the
 * sweep finds whatever it loses.
 */
export class Dispatcher {
  readonly #doorbell: Pick<Doorbell, 'ring'>
  readonly #notices: RunNotices
  readonly #keeper: LeaseKeeper
  readonly #report: Report
  readonly #clock: Clock
  readonly #progress = new Set<RunId>()
  #gathering: NodeJS.Timeout | null = null
  #lastProgress = 0
  readonly #telling = new Set<Promise<void>>()
  /** What sweeps found and the queue is to have, and whether it is being rung. */
  readonly #swept: WorkItem[] = []
  #ringsSwept = false
  /** Set while this process takes turns: takes the item if there is room. */
  takeHere: (item: RunItem) => boolean = () => false
  /** Set while this process runs steps: takes the item if there is room. */
  takeStepHere: (item: StepItem) => boolean = () => false

  constructor(parts: {
    doorbell: Pick<Doorbell, 'ring'>
    notices: RunNotices
    keeper: LeaseKeeper
    report: Report
    clock: Clock
  }) {
    this.#doorbell = parts.doorbell
    this.#notices = parts.notices
    this.#keeper = parts.keeper
    this.#report = parts.report
    this.#clock = parts.clock
  }

  /** Resolves when the queue has what goes there. Nothing of the engine waits for that: a queue may be silent for long. */
  dispatch(items: readonly WorkItem[]): Promise<void> {
    return this.#ring(this.#takenElsewhere(items))
  }

  /** It was handed to this process, which takes no more: somebody else gets it now rather than with a sweep. */
  ringAgain(item: WorkItem): Promise<void> {
    return this.#ring([item])
  }

  /**
   * What a sweep found goes round the queue where it can: the queue may be what lost it (A24). The rest is rung together
   * once the queue has answered for the last: left to a later sweep, it would wait for its window.
   */
  dispatchSwept(items: readonly WorkItem[]): void {
    const toRing = this.#takenElsewhere(items.filter((item) => item.kind === 'run' || !this.takeStepHere(item)))
    this.#swept.push(...toRing.slice(0, mostWaiting - this.#swept.length))
    if (!this.#ringsSwept) void this.#ringSwept()
  }

  async #ringSwept(): Promise<void> {
    this.#ringsSwept = true
    while (this.#swept.length > 0) await this.#ring(this.#swept.splice(0))
    this.#ringsSwept = false
  }

  /** Takes what can be taken here; answers the rest. */
  #takenElsewhere(items: readonly WorkItem[]): WorkItem[] {
    const elsewhere: RunId[] = []
    const toRing = items.filter((item) => {
      if (item.kind === 'step') return true
      // Nobody held it when it was woken: a holder here has left it in the store already and will not look again.
      if (!item.held) return !this.takeHere(item)
      if (!this.#keeper.wake(item.runId)) elsewhere.push(item.runId)
      return false
    })
    if (elsewhere.length > 0) this.tell(elsewhere)
    return toRing
  }

  #ring(items: readonly WorkItem[]): Promise<void> {
    if (items.length === 0) return Promise.resolve()
    const ringing = this.#doorbell
      .ring(items)
      .catch((error: unknown) => this.#report({ kind: 'trouble', during: 'ringing the queue', error }))
      .then(() => void this.#telling.delete(ringing))
    this.#telling.add(ringing)
    return ringing
  }

  /** Tell the other processes at once: a run ended, or its holder is to look. */
  tell(runIds: readonly RunId[], kind: NoticeKind = 'changed'): void {
    const telling = this.#publish(runIds, kind).then(() => void this.#telling.delete(telling))
    this.#telling.add(telling)
  }

  /** Tell those who watch, some time soon. */
  progressed(runId: RunId): void {
    this.#progress.add(runId)
    this.#gathering ??= setTimeout(() => this.tell(this.#takeProgress(), 'progress'), this.#gatherMs).unref()
  }

  /** Whoever hears of a run looks at it: about a thousand looks a second, and no more. */
  get #gatherMs(): number {
    return Math.min(gatherProgressMs + this.#lastProgress, longestGatherMs)
  }

  /** Tell what there is left to tell, and let what is being told arrive, as long as that takes no longer than a second. */
  async close(): Promise<void> {
    if (this.#gathering) this.tell(this.#takeProgress(), 'progress')
    const done = new AbortController()
    await Promise.race([this.#allTold(), this.#clock.sleep(patienceMs, done.signal)])
    done.abort()
    this.#swept.length = 0
  }

  async #allTold(): Promise<void> {
    while (this.#telling.size > 0) await Promise.all(this.#telling)
  }

  #takeProgress(): RunId[] {
    if (this.#gathering) clearTimeout(this.#gathering)
    this.#gathering = null
    const runIds = [...this.#progress]
    this.#progress.clear()
    this.#lastProgress = runIds.length
    return runIds
  }

  async #publish(runIds: readonly RunId[], kind: NoticeKind): Promise<void> {
    try {
      await this.#notices.publish(runIds, kind)
    } catch (error) {
      this.#report({ kind: 'trouble', during: 'sending notices', error })
    }
  }
}

/** pg-boss fetches this many at once at most: more in one statement holds its locks longer than it saves. */
const MAX_BATCH = 100
const POLL_MIN_MS = 500
const POLL_MAX_MS = 5_000
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000
/** Later wake-ups are left to the safety poll. */
const ALARM_MAX_MS = 3_600_000
const ALARMS_MAX = 1_000
const ALARM_STEP_MS = 20

export interface FetchLoopOptions<J> {
  /** How many may be under way at once. */
  readonly slots: number
  readonly fetch: (limit: number) => Promise<readonly J[]>
  /** Takes one slot until it settles. */
  readonly deliver: (job: J) => Promise<void>
  /** While true, rings arrive and the safety poll may slow down. */
  readonly isLive: () => boolean
  readonly onError: (error: unknown) => void
}

/** Takes from one queue exactly as much as there are free slots: when woken, and now and then in case a ring was lost. */
export class FetchLoop<J> {
  readonly #options: FetchLoopOptions<J>
  readonly #alarms = new Map<number, NodeJS.Timeout>()
  readonly #loop: Promise<void>
  #free: number
  #stopped = false
  #woken = false
  #wakeUp: (() => void) | undefined
  #pollMs = POLL_MIN_MS
  #retryMs = RETRY_MIN_MS

  constructor(options: FetchLoopOptions<J>) {
    this.#options = options
    this.#free = options.slots
    this.#loop = this.#run()
  }

  /** There may be something to fetch, `delayMs` from now. */
  wake(delayMs = 0): void {
    if (delayMs > 0) return this.#setAlarm(delayMs)
    this.#woken = true
    this.#wakeUp?.()
  }

  /** Fetch no more. Resolves when nothing further will be delivered. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const alarm of this.#alarms.values()) clearTimeout(alarm)
    this.#wakeUp?.()
    await this.#loop
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#woken = false
      const wanted = Math.min(this.#free, MAX_BATCH)
      if (wanted > 0) await this.#sleep(await this.#fetch(wanted))
      else await this.#slotFree()
    }
  }

  /** How long to wait before the next fetch. */
  async #fetch(wanted: number): Promise<number> {
    try {
      const jobs = await this.#options.fetch(wanted)
      this.#retryMs = RETRY_MIN_MS
      for (const job of jobs) this.#deliver(job)
      if (jobs.length === wanted) return 0
      return this.#nextPoll(jobs.length > 0)
    } catch (error) {
      this.#options.onError(error)
      this.#woken = false
      const wait = this.#retryMs
      this.#retryMs = Math.min(wait * 2, RETRY_MAX_MS)
      return wait
    }
  }

  #nextPoll(foundSome: boolean): number {
    const wait = foundSome || !this.#options.isLive() ? POLL_MIN_MS : this.#pollMs
    this.#pollMs = Math.min(wait * 2, POLL_MAX_MS)
    return wait
  }

  #deliver(job: J): void {
    this.#free--
    void this.#options
      .deliver(job)
      .catch(this.#options.onError)
      .then(() => {
        this.#free++
        // With other slots free the loop waits for a ring, not for this one.
        if (this.#free === 1) this.#wakeUp?.()
      })
  }

  async #slotFree(): Promise<void> {
    await this.#sleep(undefined)
    // What ends in the same turn of the event loop is one fetch, not a fetch for the first and one for the rest.
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** Until woken or `ms` have passed; without `ms`, until woken. */
  async #sleep(ms: number | undefined): Promise<void> {
    if (ms === 0 || this.#woken || this.#stopped) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wakeUp = resolve
      if (ms !== undefined) timer = setTimeout(resolve, ms).unref()
    })
    clearTimeout(timer)
    this.#wakeUp = undefined
  }

  #setAlarm(delayMs: number): void {
    const at = Math.ceil((performance.now() + delayMs) / ALARM_STEP_MS)
    if (this.#stopped || delayMs > ALARM_MAX_MS || this.#alarms.size >= ALARMS_MAX || this.#alarms.has(at)) return
    const timer = setTimeout(
      () => {
        this.#alarms.delete(at)
        this.wake()
      },
      at * ALARM_STEP_MS - performance.now() + 1,
    )
    this.#alarms.set(at, timer.unref())
  }
}

import type { Bell } from './bell.ts'

const POLL_MIN_MS = 500
const POLL_MAX_MS = 5_000

/** Waits for the end of one job: told by the bell, and looked for now and then in case the bell was not heard. */
export class JobWatch {
  readonly #bell: Bell
  readonly #closed: AbortSignal
  readonly #job: string
  #pollMs = POLL_MIN_MS

  constructor(bell: Bell, closed: AbortSignal, job: string) {
    this.#bell = bell
    this.#closed = closed
    this.#job = job
  }

  async changed(signal: AbortSignal): Promise<void> {
    const ends = [signal, this.#closed]
    if (ends.some(({ aborted }) => aborted)) return
    const pollMs = this.#bell.live ? this.#pollMs : POLL_MIN_MS
    this.#pollMs = Math.min(pollMs * 2, POLL_MAX_MS)
    await new Promise<void>((resolve) => {
      const done = (): void => {
        leave()
        clearTimeout(timer)
        for (const end of ends) end.removeEventListener('abort', done)
        resolve()
      }
      const leave = this.#bell.onEnd(this.#job, done)
      const timer = setTimeout(done, pollMs).unref()
      for (const end of ends) end.addEventListener('abort', done, { once: true })
    })
  }
}

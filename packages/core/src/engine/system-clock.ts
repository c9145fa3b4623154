import type { Clock } from '../contract/index.ts'

/** setTimeout holds at most 2^31 − 1 ms; longer ones fire at once (F14). */
const longestTimeout = 2_147_483_647

/** The real clock. Its sleeps never keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const done = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, Math.min(Math.max(0, ms), longestTimeout))
      timer.unref()
      signal?.addEventListener('abort', done, { once: true })
    }),
}

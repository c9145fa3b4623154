const parts = 4
/** What a busy thread may be late by, however short the time (ms). */
const leewayMs = 100

/**
 * Calls `late` once something was listened for in vain for so long (ms); answers how to stop that. A part of that time which
 * ends far too late does not count: this thread was blocked or its process frozen, and its timers are due before it has read
 * what came meanwhile. Never keeps the process alive.
 *
 * @example
 * const stop = whenUnheardFor(10_000, () => giveUp())
 */
export function whenUnheardFor(ms: number, late: () => void): () => void {
  const part = ms / parts
  let left = parts
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    if (now - last < 2 * part + leewayMs) left -= 1
    last = now
    if (left > 0) return
    clearInterval(timer)
    late()
  }, part).unref()
  return () => clearInterval(timer)
}

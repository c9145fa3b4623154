/** Time as the engine sees it: monotonic enough for durations, replaceable in tests. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds since some moment or other: unlike `now` it never jumps, whatever is done to the machine's clock. */
  elapsed(): number
  /** Resolves after `ms`, or at once when `signal` aborts. Never keeps the process alive. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

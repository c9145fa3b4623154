/** How many of the crash points an engine suite plays, and what one of its tests may take for that. */
export interface CrashPointLane {
  readonly everyCrashPoint: number
  readonly timeout: number
}

/**
 * The ordinary lane plays every n-th crash point, another share each time, with 0 none; with `CRASH_POINTS=all`, as `verify:slow` sets
 * it, all of them.
 *
 * @example
 * const { everyCrashPoint, timeout } = crashPointLane(24)
 */
export function crashPointLane(every: number): CrashPointLane {
  if (process.env['CRASH_POINTS'] === 'all') return { everyCrashPoint: 1, timeout: 900_000 }
  return { everyCrashPoint: every, timeout: 60_000 }
}

/** What an engine suite is given besides its world. */
interface Share {
  readonly everyCrashPoint: number
  readonly crashPointWorlds?: number
  readonly groups?: readonly string[]
}

export interface EngineLane {
  readonly share: Share
  /** What one test may take, in ms. */
  readonly timeout: number
}

/** Set by `verify:slow`. */
const isSlow = process.env['LANE'] === 'slow'

function lane(ordinary: Share, slow: Share): EngineLane {
  const timeout = isSlow ? 900_000 : 60_000
  // Each has two or three processes at a time, and each of those some ten connections.
  return { share: { crashPointWorlds: 4, ...(isSlow ? slow : ordinary) }, timeout }
}

/** PostgreSQL with pg-boss, Redis with BullMQ. */
export const purePair = lane({ everyCrashPoint: 40 }, { everyCrashPoint: 1 })

/** A store alone, in inline mode: its crash points are those of the pairs, and of memory without a queue. */
export const withoutQueue = lane({ everyCrashPoint: 0 }, { everyCrashPoint: 1 })

/**
 * A store and a queue that have suites of their own already, and a pure pair each: what depends on both of them at once.
 * The other groups see only one of the two.
 */
export const mixedPair = lane(
  { everyCrashPoint: 0, groups: ['crashes', 'several processes', 'pushes', 'load', 'stop', 'cancel', 'chaos'] },
  { everyCrashPoint: 10 },
)

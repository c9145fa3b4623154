import type { Clock } from '../contract/index.ts'

const partsOfGrace = 10

/**
 * A process that stood still (frozen, or busy computing) finds its timers due all at once: what a body awaits one after the
 * other gets the rest of the grace then, and not none.
 */
export async function sleepInParts(clock: Pick<Clock, 'sleep'>, ms: number, done: AbortSignal): Promise<void> {
  for (let i = 0; i < partsOfGrace && !done.aborted; i++) await clock.sleep(ms / partsOfGrace, done)
}

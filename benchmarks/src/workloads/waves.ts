import type { Player } from '../player.ts'
import type { PlayRequest } from '../programs/protocol.ts'

/** Plays for so long, for the compiler, the caches and the connections; at least once in each lane. Nothing is counted. */
export async function warmUp(player: Player, request: Omit<PlayRequest, 'times'>, ms: number): Promise<void> {
  await player.play({ ...request, times: Number.MAX_SAFE_INTEGER, limitMs: ms })
}

/**
 * Plays the same again and again until so much time has passed: what is over in a blink says little. At least once.
 *
 * @returns what one took, in ms
 */
export async function waves(player: Player, request: PlayRequest, leastMs: number): Promise<number> {
  let count = 0
  let total = 0
  do {
    total += (await player.play(request)).ms
    count += 1
  } while (total < leastMs)
  return total / count
}

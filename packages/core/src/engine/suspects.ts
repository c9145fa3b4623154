/*
 * What was lost with its process again and again may be what kills it (A21). Such runs, and such steps, are taken one at a
 * time by each process: what merely died beside the one that kills is not to die of it until it is given up as well.
 */

/** From this many losses on it is a suspect. */
export const suspectAfter = 2

/**
 * One that came while another is being taken is given back, to be taken again so much later: longer with each loss, and not
 * all together. What is claimed only to be given back counts as lost if the process dies in between.
 */
export function suspectDelayMs(losses: number): number {
  return Math.round(Math.min(1_000 * 2 ** (losses - suspectAfter), longestDelayMs) * (0.75 + Math.random() / 2))
}

const longestDelayMs = 60_000

/** One that is taken begins so much later: others that came with it are given back by then. Less than their delay. */
export const suspectPauseMs = 500

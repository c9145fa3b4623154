/*
 * What was lost with its process again and again may be what kills it (A21). Such runs, and such steps, are taken one at a
 * time by each process: what merely died beside the one that kills is not to die of it until it is given up as well.
 */

/** From this many losses on it is a suspect. */
export const suspectAfter = 2

/** One that came while another is being taken is given back, to be taken again so much later. */
export const suspectDelayMs = 1_000

/** One that is taken begins so much later: others that came with it are given back by then. Less than their delay. */
export const suspectPauseMs = 500

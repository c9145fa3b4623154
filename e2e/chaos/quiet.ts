import type { Logger } from '@pikku/core/contract'

/** The harness' own look at the store: what troubles that is of no interest while everything is being disturbed. */
export const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

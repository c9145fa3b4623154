import type { Difference } from '@pikku/core/testing'

/** What BullMQ does otherwise than the contract's kit asks. */
export const bullDifferences: readonly Difference[] = []

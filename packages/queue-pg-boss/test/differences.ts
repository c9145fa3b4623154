import type { Difference } from '@pikku/core/testing'

/** What pg-boss does otherwise than the contract's kit asks. */
export const pgBossDifferences: readonly Difference[] = []

import type { Difference } from '@pikku/core/testing'

// Beside the kit's run over it, docs/queues.md is made of these by conformance/queues/table.test.ts.

export const name = 'BullMQ'

/** What BullMQ does otherwise than the kit asks. */
export const differences: readonly Difference[] = []

/** Figures that the contract leaves to the queue. */
export const figures: Readonly<Record<string, string>> = {
  'a job is handed to a waiting worker by': 'a blocking read',
  'a worker that died is noticed after': '30 to 90 s',
  'one attempt may take': 'any time',
  'the end of a job is told by': 'a stream of events; by a poll of 5 s where it was missed',
}

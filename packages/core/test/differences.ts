import type { Difference } from '../src/testing/index.ts'

// Beside the kit's run over it, docs/queues.md is made of these by conformance/queues/table.test.ts.

export const name = 'memory'

const reason = 'there is no server: with its process everything is gone'

/** What the queue in memory does otherwise than the kit asks. */
export const differences: readonly Difference[] = [
  { test: 'server restart › nothing that was added is lost, and everybody goes on', reason },
  { test: 'server restart › whoever waits for a job is told although the server was away', reason },
]

/** Figures that the contract leaves to the queue. */
export const figures: Readonly<Record<string, string>> = {
  'a job is handed to a waiting worker by': 'the event loop',
  'a worker that died is noticed after': 'not at all',
  'one attempt may take': 'any time',
  'the end of a job is told by': 'the event loop',
}

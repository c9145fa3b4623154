import type { Difference } from '../src/testing/index.ts'

const reason = 'there is no server: with its process everything is gone'

/** What the queue in memory does otherwise than the contract's kit asks. */
export const memoryQueueDifferences: readonly Difference[] = [
  { test: 'server restart › nothing that was added is lost, and everybody goes on', reason },
  { test: 'server restart › whoever waits for a job is told although the server was away', reason },
]

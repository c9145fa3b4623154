import type { QueueService } from '../contract/index.ts'
import type { Skip, TestRunner } from './store-harness.ts'

/** What one case works on. Queues of other cases may live on the same server: every case has names of its own. */
export interface OpenQueues {
  /** A service with connections of its own, as another process has it. The kit closes it. */
  process(): Promise<QueueService>
  /** Let this process die like `kill -9` and its death be noticed at once: cut its connections, clean nothing up. */
  vanish?(service: QueueService): Promise<void>
  /** Kill the server and start it again on the same data. Resolves when it accepts connections. */
  restart?(): Promise<void>
  /** Close what is still open. Called once, also after a failure. */
  dispose(): Promise<void>
}

/** A case that this queue answers in another way, and why. It is run all the same: one that passes is stale and fails. */
export type Difference = Skip

/**
 * How the kit reaches a queue.
 *
 * @example
 * defineQueueServiceTests({ name: 'memory', runner: { describe, test }, open: openMemory, differences: [] })
 */
export interface QueueHarness {
  /** Stands before the names of the tests. */
  readonly name: string
  /** Where the tests are defined. */
  readonly runner: TestRunner
  /** `ownServer`: the case restarts the server, so it must have it for itself. */
  open(needs: { readonly ownServer: boolean }): Promise<OpenQueues>
  /** Default: none. */
  readonly differences?: readonly Difference[]
}

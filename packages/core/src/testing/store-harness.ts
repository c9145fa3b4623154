import type { RunId, StorePorts } from '../contract/index.ts'

/** The part of a test runner the kit needs; vitest's and node:test's fit. */
export interface TestRunner {
  /** Groups tests. */
  describe(name: string, body: () => void): unknown
  /** Defines one. */
  test(name: string, body: () => Promise<void>): unknown
}

/** A fresh, empty store for one test, its schema up to date. */
export interface OpenStore {
  /** What is tested. */
  readonly ports: StorePorts
  /** Another process on the same data: its own connections, nothing shared in memory. */
  sibling(): Promise<StorePorts>
  /** Move the store's clock on. It may run by itself too: tests leave whole seconds of margin. */
  advance(ms: number): Promise<void>
  /** Cut the connection that keeps this enlisted owner alive, and keep it from coming back. */
  vanish?(owner: string): Promise<void>
  /** Hold the run's row as a foreign transaction would; answers the release. For stores that lock rows. */
  lockRun?(runId: RunId): Promise<() => Promise<void>>
  /** Close everything and remove the data. Called once, also after a failure. */
  dispose(): Promise<void>
}

/** A case this store is known not to pass. It is run all the same: one that passes is a stale entry and fails. */
export interface Skip {
  /** `group › title` */
  readonly test: string
  /** For people: why it is known not to pass. */
  readonly reason: string
}

/**
 * How the kit reaches a store.
 *
 * @example
 * defineWorkflowStoreTests({ name: 'memory', runner: { describe, test }, open: openMemory })
 */
export interface StoreHarness {
  /** Stands before the names of the tests. */
  readonly name: string
  /** Where the tests are defined. */
  readonly runner: TestRunner
  /** Called once for each test. */
  open(): Promise<OpenStore>
  /** Default: none. */
  readonly skip?: readonly Skip[]
}

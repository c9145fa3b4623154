import type { QueueService, StorePorts, WorkflowQueues } from '../../contract/index.ts'
import type { Skip, TestRunner } from '../store-harness.ts'

/** One process' connections to the world's state: its own, nothing shared in memory with the other processes. */
export interface OpenProcess {
  /** Of the store. */
  readonly ports: StorePorts
  /** Absent in inline mode. */
  readonly queueService?: QueueService
  /** Close the connections in good order. The suite has stopped the workers by then. */
  close(): Promise<void>
  /** Die like `kill -9`: cut every connection at once and clean nothing up. */
  vanish(): Promise<void>
}

/** A fresh, empty store and queue for one scenario. */
export interface OpenEngine {
  /** `inline`: without a queue, runs execute in the process that starts them. */
  readonly mode: 'remote' | 'inline'
  /** The names of its queues, where several worlds share one server. Default: the product's own. */
  readonly queues?: WorkflowQueues
  /** Another process on the same state. */
  process(): Promise<OpenProcess>
  /** Close what is still open and remove the data. Called once, also after a failure. */
  dispose(): Promise<void>
}

/**
 * How the engine suite reaches a store and a queue.
 *
 * @example
 * defineEngineTests({ name: 'memory', runner: { describe, test }, open: openMemory })
 */
export interface EngineHarness {
  /** Stands before the names of the tests. */
  readonly name: string
  /** Where the tests are defined. */
  readonly runner: TestRunner
  /** Called once for each test. */
  open(): Promise<OpenEngine>
  /** Default: none. */
  readonly skip?: readonly Skip[]
  /** Of the crash points of each case, every n-th one, another share each time; 0: none. Default 1: all. A server needs longer than memory. */
  readonly everyCrashPoint?: number
  /** Worlds in which crash points are played at once. Default 10; a server has only so many connections. */
  readonly crashPointWorlds?: number
  /** These groups of scenarios alone. Default: all. */
  readonly groups?: readonly string[]
}

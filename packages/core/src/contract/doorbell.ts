import type { WorkItem } from './records.ts'

/** What a process is ready to run at once. 0: it does not take that role. */
export interface Roles {
  /** Turns of runs. */
  readonly run: number
  /** Attempts of rpc steps. */
  readonly step: number
}

/**
 * What the engine needs of a queue. It may lose, double, delay or reorder: the store is the truth, the sweep the guarantee.
 * A message is done with as soon as it was handed over; it is never redelivered for what the handler does. What is rung while
 * nobody answers waits in the queue. `held` need not travel; anything in the queue that is no work item is dropped.
 */
export interface Doorbell {
  /** Hand items to whoever answers. Resolves when they are handed over; rejects when they could not be (the sweep rings again). */
  ring(items: readonly WorkItem[]): Promise<void>
  /** Take items, at most as many at once as `roles` says; an item counts until its handler's promise settles. The handler never rejects. */
  answer(roles: Roles, handler: (item: WorkItem) => Promise<void>): Promise<Answering>
}

/** What `answer` resolves with. */
export interface Answering {
  /**
   * Take no more. Resolves when nothing further will be handed over; handlers under way go on. What was fetched and not
   * handed over yet goes back to the queue.
   */
  stop(): Promise<void>
}

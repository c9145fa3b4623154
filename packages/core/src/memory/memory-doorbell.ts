import type { Answering, Doorbell, Roles, WorkItem } from '../contract/index.ts'

interface Answerer {
  readonly roles: Roles
  readonly handler: (item: WorkItem) => Promise<void>
  readonly underWay: { run: number; step: number }
}

/**
 * A queue in this process: first in, first out, handed over a little later. Several may answer one doorbell, as several
 * processes work on one queue.
 *
 * @example
 * const doorbell = new MemoryDoorbell()
 * const answering = await doorbell.answer({ run: 10, step: 10 }, async (item) => work(item))
 */
export class MemoryDoorbell implements Doorbell {
  readonly #waiting: Record<WorkItem['kind'], WorkItem[]> = { run: [], step: [] }
  readonly #answerers: Answerer[] = []
  #handingOver = false

  ring(items: readonly WorkItem[]): Promise<void> {
    for (const item of items) this.#waiting[item.kind].push(item)
    this.#handOverSoon()
    return Promise.resolve()
  }

  answer(roles: Roles, handler: (item: WorkItem) => Promise<void>): Promise<Answering> {
    const answerer: Answerer = { roles, handler, underWay: { run: 0, step: 0 } }
    this.#answerers.push(answerer)
    this.#handOverSoon()
    const stop = (): Promise<void> => {
      const at = this.#answerers.indexOf(answerer)
      if (at >= 0) this.#answerers.splice(at, 1)
      return Promise.resolve()
    }
    return Promise.resolve({ stop })
  }

  /** On a macrotask of its own: whoever rings has gone on by then, as with a real queue. */
  #handOverSoon(): void {
    if (this.#handingOver) return
    this.#handingOver = true
    setImmediate(() => {
      this.#handingOver = false
      this.#handOver('run')
      this.#handOver('step')
    })
  }

  #handOver(kind: WorkItem['kind']): void {
    const waiting = this.#waiting[kind]
    while (waiting.length > 0) {
      const answerer = this.#idlest(kind)
      const item = answerer && waiting.shift()
      if (!answerer || !item) return
      // To the end of the line: among the equally idle each gets its turn.
      this.#answerers.push(...this.#answerers.splice(this.#answerers.indexOf(answerer), 1))
      answerer.underWay[kind] += 1
      const done = (): void => {
        answerer.underWay[kind] -= 1
        this.#handOverSoon()
      }
      // The contract says that a handler never rejects; one that does must not pass unseen.
      void answerer.handler(item).finally(done)
    }
  }

  #idlest(kind: WorkItem['kind']): Answerer | undefined {
    const able = this.#answerers.filter(({ roles, underWay }) => underWay[kind] < roles[kind])
    return able.sort((a, b) => a.underWay[kind] - b.underWay[kind])[0]
  }
}

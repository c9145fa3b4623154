/**
 * Collects the calls of one turn of the event loop, and of the time in which the statement before is under way, into one
 * statement. At most one is under way: group commit, without anything around it.
 */
export class Coalesced<Row> {
  readonly #write: (rows: readonly Row[]) => Promise<unknown>
  #waiting: { row: Row; resolve(): void; reject(error: unknown): void }[] = []
  #underWay = false

  constructor(write: (rows: readonly Row[]) => Promise<unknown>) {
    this.#write = write
  }

  put(row: Row): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push({ row, resolve, reject })
    if (this.#waiting.length === 1 && !this.#underWay) setImmediate(() => void this.#flush())
    return promise
  }

  async #flush(): Promise<void> {
    this.#underWay = true
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#write(batch.map(({ row }) => row))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#underWay = false
  }
}

/** A bounded number of places; those who find none queue up in order. */
export class Slots {
  #free: number
  readonly #queue: (() => void)[] = []

  constructor(size: number) {
    this.#free = size
  }

  tryTake(): boolean {
    if (this.#free <= 0) return false
    this.#free--
    return true
  }

  async take(): Promise<void> {
    if (this.tryTake()) return
    await new Promise<void>((resolve) => this.#queue.push(resolve))
  }

  give(): void {
    const next = this.#queue.shift()
    if (next) next()
    else this.#free++
  }
}

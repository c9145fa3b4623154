/** What happened, as lines: kept when somebody wants to read them, hashed always. */
export class Trace {
  readonly lines: string[] | null
  #low = 0xdeadbeef
  #high = 0x41c6ce57

  constructor(keep: boolean) {
    this.lines = keep ? [] : null
  }

  note(atMs: number, who: string, what: string): void {
    const line = `${(atMs / 1000).toFixed(6)} ${who} ${what}`
    this.lines?.push(line)
    for (let i = 0; i < line.length; i += 1) {
      const unit = line.charCodeAt(i)
      this.#low = Math.imul(this.#low ^ unit, 2654435761)
      this.#high = Math.imul(this.#high ^ unit, 1597334677)
    }
  }

  get hash(): string {
    return `${(this.#high >>> 0).toString(16).padStart(8, '0')}${(this.#low >>> 0).toString(16).padStart(8, '0')}`
  }
}

import { expect } from 'vitest'

/** Keeps what each bad input was answered with, to be held against the committed text. */
export class Notebook {
  readonly #notes: string[] = []
  readonly #hide: readonly (readonly [RegExp, string])[]

  /** `hide`: what differs from run to run, and what stands in its place. */
  constructor(hide: readonly (readonly [RegExp, string])[] = []) {
    this.#hide = hide
  }

  /** `given`: the bad input, as its author wrote it. `act` must throw or reject. */
  async refused(given: string, act: () => unknown): Promise<void> {
    let outcome: unknown
    try {
      outcome = await act()
    } catch (error) {
      return this.add(given, describeError(error))
    }
    expect.fail(`not refused: ${given} answered ${String(outcome)}`)
  }

  add(given: string, said: string): void {
    const text = this.#hide.reduce((shown, [what, instead]) => shown.replaceAll(what, instead), said)
    this.#notes.push(`${given}\n${text.replaceAll(/^(?=.)/gm, '    ')}\n`)
  }

  /** Compares everything noted with `expected/<name>.txt`. */
  async check(name: string): Promise<void> {
    await expect(this.#notes.join('\n')).toMatchFileSnapshot(`expected/${name}.txt`)
  }
}

/** `CODE: message`, an error without a code by its name. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `thrown, and not an error: ${String(error)}`
  const code = 'code' in error ? String(error.code) : error.name
  return `${code}: ${error.message}`
}

import { byCodePoint } from './order.ts'

/** A place in a file. Lines and columns count from 1; without them the whole file is meant. */
export interface Position {
  /** Relative to the folder of the configuration, with forward slashes. */
  readonly file: string
  /** From 1. */
  readonly line?: number
  /** From 1. */
  readonly column?: number
}

/** One thing that is wrong, or looks wrong, in an app or its configuration. */
export interface Diagnostic extends Position {
  /** With an `error` nothing is written. */
  readonly severity: 'error' | 'warning'
  /** What is wrong and what to do about it. */
  readonly message: string
}

/** What one pass has to say, in the order of the files. */
export class Diagnostics {
  readonly #found: Diagnostic[] = []

  error(position: Position, message: string): void {
    this.#found.push({ ...position, severity: 'error', message })
  }

  warning(position: Position, message: string): void {
    this.#found.push({ ...position, severity: 'warning', message })
  }

  get hasErrors(): boolean {
    return this.#found.some(({ severity }) => severity === 'error')
  }

  list(): readonly Diagnostic[] {
    return this.#found.toSorted(
      (a, b) =>
        byCodePoint(a.file, b.file) ||
        (a.line ?? 0) - (b.line ?? 0) ||
        (a.column ?? 0) - (b.column ?? 0) ||
        byCodePoint(a.message, b.message),
    )
  }
}

/** `file:line:column`, as editors and terminals open it. */
export function formatPosition({ file, line, column }: Position): string {
  return line === undefined ? file : `${file}:${line}:${column ?? 1}`
}

/** One line: `file:line:column - error: …`. What names in the source would do to a terminal is shown as an escape. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const line = `${formatPosition(diagnostic)} - ${diagnostic.severity}: ${diagnostic.message}`
  const shown = line.length > longestLine ? `${line.slice(0, longestLine)}…` : line
  return shown
    .toWellFormed()
    .replaceAll(unprintable, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Names in the source are of any length; what is said about them is read by a person. */
const longestLine = 1_500

/** Control characters, separators of lines, and what turns the direction of writing. */
const unprintable = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** Turns offsets into lines and columns. */
export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
}

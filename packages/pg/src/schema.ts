import { createHash } from 'node:crypto'
import { WorkflowError } from '@pikku/core/contract'

/** A schema's name as every statement uses it: checked and quoted once, never interpolated raw. */
export interface Schema {
  readonly name: string
  /** With its quotes: goes in front of every table. */
  readonly quoted: string
  /** The channel that notices of this schema's runs travel on. */
  readonly channel: string
  /** The first key of this schema's advisory locks. */
  readonly lockClass: number
}

/** PostgreSQL cuts longer names without a word, and two schemas would become one. */
const maxNameBytes = 63

/**
 * Throws `WorkflowError` (INVALID_NAME) unless PostgreSQL keeps this name as it is.
 *
 * @example
 * openSchema('workflows').quoted // '"workflows"'
 */
export function openSchema(name: string): Schema {
  const problem = problemOf(name)
  if (problem) {
    throw new WorkflowError(
      'INVALID_NAME',
      `a schema name is 1 to ${maxNameBytes} bytes of well-formed text without U+0000; ${problem}`,
    )
  }
  const digest = createHash('sha256').update(name).digest()
  return {
    name,
    quoted: `"${name.replaceAll('"', '""')}"`,
    channel: `pikku_${digest.toString('hex', 0, 8)}`,
    lockClass: digest.readInt32BE(8),
  }
}

function problemOf(name: unknown): string | null {
  if (typeof name !== 'string') return `got ${name === null ? 'null' : typeof name}`
  if (name === '') return 'got an empty one'
  if (!name.isWellFormed() || name.includes('\0')) return `got ${shown(name)}`
  const bytes = Buffer.byteLength(name)
  if (bytes > maxNameBytes) return `got ${bytes} bytes: ${shown(name)}…`
  if (name.startsWith('pg_')) return `${shown(name)} begins with pg_, which PostgreSQL keeps for itself`
  return null
}

/** On one line, and short: JSON leaves DEL and what follows it as they are. */
function shown(name: string): string {
  return JSON.stringify(name.slice(0, 20)).replaceAll(/\p{Cc}/gu, '\ufffd')
}

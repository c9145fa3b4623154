import { StoreUnavailableError } from '@pikku/core/contract'

/**
 * What an error of the database means for the statement it ended.
 *
 * `conflict`: refused because of others, nothing was written: send it again.
 * `unknown`: no answer, it may have been applied: send it again, every statement recognises itself.
 * `poison`: one value of it cannot be kept: in a batch, find the call it belongs to.
 * `denied`: the server is there and does not let us in: sending it again does not help.
 * `broken`: anything else, a defect here or a schema that is not ours.
 */
export type Trouble = 'conflict' | 'unknown' | 'poison' | 'denied' | 'broken'

const conflicts = new Set([
  '40001', // serialization failure
  '40P01', // deadlock
  '55P03', // lock timeout
  '0A000', // cached plan must not change result type: a migration went by
  '26000', // a pooler handed us a connection that does not know our prepared statement
  '42P05', // … or one where somebody else prepared it
])

/** Outages that come before anything was sent, or instead of what was. */
const before = [
  'CONNECT_TIMEOUT',
  'NO_CONNECTION', // none was free
  'NO_PASSWORD', // the function that was given for it failed
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT', // the unix socket of a server that is down
  '25006', // read-only: we are connected to a server that is no longer the primary
  '53300', // too many connections
  '57P03', // starting up
]

const outages = new Set([
  ...before,
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'NO_ANSWER',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  '25P03', // a transaction idle for too long
  '25P04', // a transaction over its time
  '57014', // cancelled by a statement timeout
  '57P01',
  '57P02', // shutting down, crashed
  '57P05', // idle for too long
])

/** Whether what was asked for may have been applied although it was answered with an error. */
export function mayBeApplied(error: unknown): boolean {
  return troubleOf(error) === 'unknown' && !before.includes(codeOf(error))
}

export function troubleOf(error: unknown): Trouble {
  const code = codeOf(error)
  if (conflicts.has(code)) return 'conflict'
  if (outages.has(code) || code.startsWith('08') || code.startsWith('53')) return 'unknown'
  if (code === 'CONNECTION_ENDED' || code.startsWith('28') || code === '3D000' || isOfTls(code)) return 'denied'
  return /^(21|22|23|54)/.test(code) && code.length === 5 ? 'poison' : 'broken'
}

/** A certificate that is not trusted, or somebody who speaks something else. */
function isOfTls(code: string): boolean {
  return /CERT|^ERR_(TLS|SSL)_|^EPROTO$/.test(code)
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** The server gave no definite answer, or lets nobody in: nobody knows what became of the call. */
export function unavailable(doing: string, target: string, cause: unknown): StoreUnavailableError {
  const words = wordsOf(cause)
  const code = codeOf(cause)
  if (code === 'CONNECTION_ENDED') return new StoreUnavailableError(`${doing}: ${words}`, { cause })
  const refusal = isOfTls(code) ? 'cannot be spoken to over TLS' : 'refuses the connection'
  const problem = troubleOf(cause) === 'denied' ? refusal : 'gave no definite answer'
  return new StoreUnavailableError(`${doing}: PostgreSQL at ${target} ${problem}: ${words}`, { cause })
}

/** What an error says. One that stands for the failures of several addresses says nothing itself. */
function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(wordsOf).join(', ')
  return error instanceof Error ? error.message : String(error)
}

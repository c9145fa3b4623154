import { StoreUnavailableError, WorkflowError } from '@pikku/core/contract'

/**
 * What an error of the server or of the way to it means for the call it ended.
 *
 * `unloaded`: the server does not know the script: send its text.
 * `unknown`: no answer, it may have been applied: send it again, every script recognises itself.
 * `denied`: the server is there and does not let us in: sending it again does not help.
 * `broken`: anything else, a right that is missing, a defect here, or keys that are not ours.
 */
export type Trouble = 'unloaded' | 'unknown' | 'denied' | 'broken'

/** What the server's errors begin with while it cannot answer for now. */
const outages = new Set([
  'LOADING', // it reads its data from disk
  'READONLY', // we are connected to a server that is no longer the master
  'MASTERDOWN', // a replica without its master
  'NOREPLICAS', // too few replicas to write
  'MISCONF', // it cannot persist
  'OOM', // its memory is full and nothing may be evicted
  'BUSY', // a script of somebody runs for too long
  'UNKILLABLE',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'MOVED',
  'ASK',
  'UNBLOCKED',
])

const denials = new Set(['NOAUTH', 'WRONGPASS'])
const denialCodes = new Set(['CLOSED', 'REFUSED'])

const brokenOff =
  /Connection is closed|Stream isn't writeable|Cluster isn't ready|Command aborted|Too many Cluster|max retries per request|Failed to refresh slots|None of startup nodes|Socket timeout|Socket closed unexpectedly|Cluster is ended|max number of clients|Script killed by user/i

const outageCodes = new Set([
  'NO_ANSWER',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT', // the unix socket of a server that is down
])

export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof Error)) return 'broken'
  const last = lastNodeErrorOf(error)
  if (last && troubleOf(last) === 'denied') return 'denied'
  const word = wordOf(error)
  if (word === 'NOSCRIPT') return 'unloaded'
  if (denials.has(word) || denialCodes.has(codeOf(error))) return 'denied'
  if (outages.has(word) || outageCodes.has(codeOf(error)) || brokenOff.test(error.message)) return 'unknown'
  return 'broken'
}

/** Before Redis 7 what a command in a script met stands behind where the script met it. */
function wordOf({ message }: Error): string {
  const [, inScript] = /^ERR Error running script .*: -([A-Z]+) /.exec(message) ?? []
  return inScript ?? message.split(' ', 1)[0] ?? ''
}

/** A master that became a replica. */
export function isReplica(error: unknown): boolean {
  return error instanceof Error && wordOf(error) === 'READONLY'
}

/** On a Cluster one error stands for what the last node said. */
function lastNodeErrorOf(error: Error): Error | null {
  return 'lastNodeError' in error && error.lastNodeError instanceof Error ? error.lastNodeError : null
}

/** ioredis keeps with an error the command that met it: at a login that is the password, elsewhere somebody's data. */
export function forgetCommand(error: unknown): void {
  if (!(error instanceof Error)) return
  Reflect.deleteProperty(error, 'command')
  forgetCommand(lastNodeErrorOf(error))
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** The server gave no definite answer, or lets nobody in: nobody knows what became of the call. */
export function unavailable(doing: string, target: string, cause: unknown): StoreUnavailableError {
  const words = wordsOf(cause)
  if (codeOf(cause) === 'CLOSED') return new StoreUnavailableError(`${doing}: ${words}`, { cause })
  const problem = troubleOf(cause) === 'denied' ? 'refuses the connection' : 'gave no definite answer'
  return new StoreUnavailableError(`${doing}: Redis at ${target} ${problem}: ${words}`, { cause })
}

/** Forbidden by an ACL, or renamed away, as hosted servers do. */
export function isForbidden(error: unknown): error is Error {
  return error instanceof Error && /NOPERM|no permissions|can't run this command|unknown command/i.test(error.message)
}

export function forbidden(doing: string, target: string, cause: Error): WorkflowError {
  return new WorkflowError(
    'CONFIGURATION',
    `${doing}: Redis at ${target} does not allow this user what the store needs: ${cause.message}; the README of @pikku/redis lists the rights it needs`,
    { cause },
  )
}

/** What an error says. One that stands for the failures of several addresses says nothing itself. */
function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(wordsOf).join(', ')
  if (!(error instanceof Error)) return String(error)
  const last = lastNodeErrorOf(error)
  return last ? `${error.message} (${wordsOf(last)})` : error.message
}

/** Doubles from 25 ms up to a second, spread so that those who met once do not meet again. */
export function backoffMs(tries: number): number {
  return Math.min(25 * 2 ** (tries - 1), 1000) * (0.5 + Math.random())
}

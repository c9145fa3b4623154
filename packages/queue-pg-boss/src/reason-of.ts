import { oneLine } from '@pikku/core/queue'

/** What an error says, for a log, on one line. Never the error itself: pg hangs its client on some, and with it the password. */
export function reasonOf(error: unknown): string {
  return oneLine(wordsOf(error))
}

/** pg-boss tells of some errors by an object that is none, with the message and where it was. */
function wordsOf(error: unknown): string {
  const isTold = typeof error === 'object' && error !== null && 'message' in error
  return String(isTold ? error.message : error)
}

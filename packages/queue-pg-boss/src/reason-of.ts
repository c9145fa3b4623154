import { oneLine } from '@pikku/core/queue'

/** What an error says, for a log, on one line. Never the error itself: pg hangs its client on some, and with it the password. */
export function reasonOf(error: unknown): string {
  return oneLine(error instanceof Error ? error.message : String(error))
}

/** What an error says, for a log. Never the error itself: pg hangs its client on some, and with it the password. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

import { oneLine } from '@pikku/core/queue'

/** What an error says, for a log, on one line. One that stands for the failures of several addresses says nothing itself. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join(', ')
  return oneLine(error instanceof Error ? error.message : String(error))
}

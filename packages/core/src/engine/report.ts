import type { Logger, WorkflowEvent, WorkflowObserver } from '../contract/index.ts'
import { oneLine } from '../domain/describe.ts'

/** Tells the observer and, where a person should know, the logger. Never throws. */
export type Report = (event: WorkflowEvent) => void

export function createReport(observer: WorkflowObserver | undefined, logger: () => Logger): Report {
  return (event) => {
    const worthKnowing = wordsOf(event)
    // Names, reasons and errors are other people's text.
    if (worthKnowing !== null) say(() => logger().warn(oneLine(`pikku: ${worthKnowing}`)))
    if (!observer) return
    try {
      observer.onEvent(event)
    } catch (error) {
      say(() => logger().error(oneLine(`pikku: the observer threw on '${event.kind}': ${messageOf(error)}`)))
    }
  }
}

/** A logger that throws leaves nobody to tell. */
function say(log: () => void): void {
  try {
    log()
  } catch {
    // What runs here is worth more than what is said about it.
  }
}

function wordsOf(event: WorkflowEvent): string | null {
  if (event.kind === 'trouble') {
    return `trouble while ${event.during}${event.runId ? ` (run ${event.runId})` : ''}: ${messageOf(event.error)}`
  }
  if (event.kind !== 'run-suspended') return null
  return `run ${event.runId} of '${event.workflow}' is suspended: ${event.reason ?? 'waits for a signal'}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

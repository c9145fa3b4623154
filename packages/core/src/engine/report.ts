import type { Logger, WorkflowEvent, WorkflowObserver } from '../contract/index.ts'

/** Tells the observer and, where a person should know, the logger. Never throws. */
export type Report = (event: WorkflowEvent) => void

export function createReport(observer: WorkflowObserver | undefined, logger: () => Logger): Report {
  return (event) => {
    if (event.kind === 'trouble')
      logger().warn(
        `pikku: trouble while ${event.during}${event.runId ? ` (run ${event.runId})` : ''}: ${messageOf(event.error)}`,
      )
    else if (event.kind === 'run-suspended')
      logger().warn(
        `pikku: run ${event.runId} of '${event.workflow}' is suspended: ${event.reason ?? 'waits for a signal'}`,
      )
    if (!observer) return
    try {
      observer.onEvent(event)
    } catch (error) {
      logger().error(`pikku: the observer threw on '${event.kind}': ${messageOf(error)}`)
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

import assert from 'node:assert/strict'

/** Wait for a condition; fails with its words when the deadline passes. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, deadlineMs = 15_000): Promise<void> {
  const deadline = Date.now() + deadlineMs
  while (!(await holds())) {
    assert.ok(Date.now() <= deadline, `not within ${deadlineMs} ms: ${what}`)
    await pause(5)
  }
}

/** Time that a step or a body takes: never a condition. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** A door that a scenario opens when it likes. */
export interface Door {
  readonly opened: Promise<void>
  open(): void
}

export function door(): Door {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

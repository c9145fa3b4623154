// Not the global, which tests with a clock of their own replace, and take away again with what was to come.
import { setImmediate } from 'node:timers/promises'

/** Resolves one macrotask later. Who asks in the same turn of the event loop shares it: a thousand bodies cost one. */
export function sharedMacrotask(): () => Promise<void> {
  let pending: Promise<void> | null = null
  return () => (pending ??= setImmediate().then(() => void (pending = null)))
}

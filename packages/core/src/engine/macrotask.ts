/** Resolves one macrotask later. Who asks in the same turn of the event loop shares it: a thousand bodies cost one. */
export function sharedMacrotask(): () => Promise<void> {
  let pending: Promise<void> | null = null
  return () =>
    (pending ??= new Promise((resolve) => {
      setImmediate(() => {
        pending = null
        resolve()
      })
    }))
}

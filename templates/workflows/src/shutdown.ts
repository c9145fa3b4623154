/** Calls `close` on SIGTERM and on Ctrl-C. The process ends by itself once nothing is open any more. */
export function onShutdown(close: () => Promise<void>): void {
  const stop = () => {
    close().catch((error: unknown) => {
      console.error('could not stop cleanly:', error)
      process.exit(1)
    })
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

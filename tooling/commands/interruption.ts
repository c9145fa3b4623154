import type { ChildProcess } from 'node:child_process'

/**
 * Calls `stop` once: on Ctrl-C, on SIGTERM or SIGHUP, and when the process that started this one is gone.
 *
 * @returns tells whether that has happened
 */
export function onInterruption(stop: (signal: NodeJS.Signals) => void): () => boolean {
  let interrupted = false
  const once = (signal: NodeJS.Signals) => {
    if (interrupted) return
    interrupted = true
    stop(signal)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => once(signal))
  if (process.connected) {
    process.on('disconnect', () => once('SIGTERM'))
    process.channel?.unref() // The channel alone must not keep this process alive.
  }
  return () => interrupted
}

/** The exit code of a child process, 1 if a signal ended it. */
export function exitCode(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

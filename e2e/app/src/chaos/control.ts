import { existsSync, readdirSync } from 'node:fs'

/** What a process has open. */
export interface Resources {
  readonly pid: number
  /** Of what keeps the process from ending, by kind. */
  readonly active: Readonly<Record<string, number>>
  /** 0 where the system does not tell. */
  readonly files: number
  /** In use after a collection, in bytes. */
  readonly heap: number
}

/** From a process to the harness. */
export type Told =
  { readonly kind: 'ready'; readonly port: number } | { readonly kind: 'resources'; readonly resources: Resources }

/** Answers the harness, and ends when that is gone. */
export function answerHarness(): void {
  process.on('message', () => tell({ kind: 'resources', resources: resources() }))
  process.on('disconnect', () => process.exit(1))
  // The channel alone keeps nobody alive.
  process.channel?.unref()
}

export function tell(told: Told): void {
  process.send?.(told)
}

function resources(): Resources {
  globalThis.gc?.()
  const active: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) active[kind] = (active[kind] ?? 0) + 1
  const open = '/proc/self/fd'
  const files = existsSync(open) ? readdirSync(open).length : 0
  return { pid: process.pid, active, files, heap: process.memoryUsage().heapUsed }
}

import { openSync, writeSync } from 'node:fs'
import path from 'node:path'

/** What a step leaves outside of every store, at its entry. */
export interface Effect {
  readonly kind: 'rpc' | 'inline'
  readonly runId: string
  /** rpc: the step's id, its ordinal before its name. inline: its name. */
  readonly step: string
  /** 0 for an inline step, which is not told. */
  readonly attempt: number
}

let file: number | undefined

/** Written, in a file of this process alone, before it returns. */
export function enter(effect: Effect): void {
  const folder = process.env['LEDGER']
  if (!folder) throw new Error('LEDGER is not set')
  file ??= openSync(path.join(folder, `${process.pid}-${Date.now()}.jsonl`), 'a')
  writeSync(file, `${JSON.stringify(effect)}\n`)
}

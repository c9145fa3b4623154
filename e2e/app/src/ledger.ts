import { appendFileSync, existsSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** What the tests know of side effects, kept outside the store. One line per entry. */
export interface Entry {
  readonly event: string
  readonly runId: string
  readonly step: string
  readonly attempt: number
  readonly key?: string
  readonly pid: number
}

function ledgerDirectory(): string {
  const directory = process.env['LEDGER']
  if (!directory) throw new Error('LEDGER is not set')
  return directory
}

export function record(entry: Omit<Entry, 'pid'>): void {
  const line = `${JSON.stringify({ ...entry, pid: process.pid })}\n`
  appendFileSync(path.join(ledgerDirectory(), 'ledger.jsonl'), line)
}

/** Resolves when the test opens the gate; rejects when `signal` aborts. */
export async function gateOpens(signal?: AbortSignal): Promise<void> {
  while (!existsSync(path.join(ledgerDirectory(), 'gate'))) {
    signal?.throwIfAborted()
    await delay(10)
  }
}

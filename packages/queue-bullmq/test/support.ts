import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger, RunItem, StepItem } from '@pikku/core/contract'
import { Redis } from 'ioredis'

/** A prefix of its own on the server that `REDIS_URL` names. */
export interface TestKeys {
  readonly url: string
  readonly prefix: string
  readonly redis: Redis
  /** Every key with the prefix. */
  all(): Promise<string[]>
  /** Removes them all. */
  clear(): Promise<void>
  close(): Promise<void>
}

export function openKeys(url = process.env['REDIS_URL'], prefix = `test-${randomBytes(6).toString('hex')}`): TestKeys {
  if (!url) throw new Error('REDIS_URL is not set: run the tests from the root of the repository')
  const redis = new Redis(url, { lazyConnect: true })
  const all = async (): Promise<string[]> => await redis.keys(`${prefix}:*`)
  const clear = async (): Promise<void> => {
    const keys = await all()
    if (keys.length > 0) await redis.del(keys)
  }
  const close = async (): Promise<void> => {
    await clear()
    await redis.quit()
  }
  return { url, prefix, redis, all, clear, close }
}

/** Waits for a condition; fails with its words when the deadline passes. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, deadlineMs = 15_000): Promise<void> {
  const deadline = Date.now() + deadlineMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await sleep(10)
  }
}

/** Keeps what was reported. */
export class RecordingLogger implements Logger {
  readonly lines: string[] = []

  debug(message: string): void {
    this.lines.push(`debug ${message}`)
  }

  info(message: string): void {
    this.lines.push(`info ${message}`)
  }

  warn(message: string): void {
    this.lines.push(`warn ${message}`)
  }

  error(message: string): void {
    this.lines.push(`error ${message}`)
  }
}

export function runItem(runId: string): RunItem {
  return { kind: 'run', runId, workflow: 'order' }
}

export function stepItem(runId: string, key: Partial<StepItem> = {}): StepItem {
  const step = { name: 'charge', ordinal: 0 }
  return { kind: 'step', runId, step, rpcName: 'chargeCard', attempt: 1, dispatch: 0, ...key }
}

/** True when the call succeeded; for servers that are away for a while. */
export async function succeeds(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call()
    return true
  } catch {
    return false // the caller asks again
  }
}

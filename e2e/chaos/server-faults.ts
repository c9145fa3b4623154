import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { ServerFault } from './server.ts'

/** What can be done to any server, whatever it is. */

/** It is gone for a while. */
export function away(stop: () => Promise<unknown>, start: () => Promise<unknown>): ServerFault {
  return async (during) => {
    await stop()
    await during()
    await start()
  }
}

/** Something happens to it again and again, five times a second. */
export function storm(strike: () => Promise<unknown>): ServerFault {
  return async (during) => {
    let isOver = false
    const striking = async (): Promise<void> => {
      while (!isOver) {
        await strike()
        await delay(200)
      }
    }
    await Promise.all([striking(), during().finally(() => (isOver = true))])
  }
}

/** The same server behind another port. */
export function urlAtPort(url: string, port: number): string {
  const other = new URL(url)
  other.port = String(port)
  return other.href
}

/** How often a log says that the disk was full. Redis, where some of what it wrote still went in, has words of its own. */
export function timesFullIn(log: string): number {
  return readFileSync(log, 'utf8').split(/No space left on device|Short write/).length - 1
}

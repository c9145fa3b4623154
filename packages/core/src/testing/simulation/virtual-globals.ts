import { AsyncLocalStorage } from 'node:async_hooks'
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers/promises'
import type { Random } from '../random.ts'
import { currentLane, type Happening, type Scheduler } from './scheduler.ts'

/** What stands behind the clock, the timers and the chance of everything in this (operating system) process. */
export interface World {
  readonly scheduler: Scheduler
  readonly chance: Random
  /** Milliseconds since the epoch, by the clock of the process whose code is running. */
  now(): number
}

let world: World | null = null

/** From now on this world's time and chance are everybody's. */
export function live(next: World): void {
  world = next
}

function here(): World {
  if (!world) throw new Error('no simulation is running')
  return world
}

/** A timer as Node's: it can be told not to keep the process alive, which none of them does. */
class VirtualTimer {
  readonly happening: Happening

  constructor(happening: Happening) {
    this.happening = happening
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}

/** Where code yields it runs a little later, in the order of yielding. */
const yieldMs = 0.001

function setVirtualTimeout(run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): VirtualTimer {
  const resume = AsyncLocalStorage.snapshot()
  // As Node does: whole milliseconds, one at least.
  const delayMs = ms >= 1 ? Math.trunc(ms) : 1
  return new VirtualTimer(here().scheduler.after(delayMs, currentLane(), () => resume(run, ...args), 'timer'))
}

function setVirtualImmediate(run: (...args: unknown[]) => void, ...args: unknown[]): VirtualTimer {
  const resume = AsyncLocalStorage.snapshot()
  return new VirtualTimer(here().scheduler.after(yieldMs, currentLane(), () => resume(run, ...args)))
}

function clearVirtual(timer: VirtualTimer | undefined): void {
  if (timer) timer.happening.cancelled = true
}

/**
 * Replaces every source of time and chance of this process, for good: only for a process that does nothing else. The
 * shipped code stays as it is and notices nothing.
 */
export function virtualiseGlobals(): void {
  const immediately = (): Promise<void> =>
    new Promise((resolve) => void here().scheduler.after(yieldMs, currentLane(), resolve))
  Object.assign(globalThis, {
    setTimeout: setVirtualTimeout,
    clearTimeout: clearVirtual,
    setImmediate: setVirtualImmediate,
    clearImmediate: clearVirtual,
    setInterval: () => {
      throw new Error('the simulation has no intervals')
    },
  })
  Object.assign(timers, { setImmediate: immediately })
  Object.assign(crypto, { randomUUID: () => uuidOf(here().chance) })
  Object.assign(Math, { random: () => here().chance.next() })
  Object.assign(performance, { now: () => here().scheduler.now })
  Object.assign(Date, { now: () => here().now() })
  syncBuiltinESMExports()
}

function uuidOf(chance: Random): string {
  const part = (digits: number): string =>
    chance
      .below(16 ** digits)
      .toString(16)
      .padStart(digits, '0')
  return `${part(8)}-${part(4)}-4${part(3)}-8${part(3)}-${part(8)}${part(4)}`
}

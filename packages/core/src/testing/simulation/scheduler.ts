import { AsyncLocalStorage } from 'node:async_hooks'

/** The real one, taken before anything is replaced: between two of them everything that is only promised has happened. */
const macrotask = globalThis.setImmediate

/** One process, as far as time goes: what happens in it stops while it is frozen and never goes on when it is dead. */
export class Lane {
  /** Of the process, and how often it was started. */
  readonly name: string
  readonly process: string
  dead = false
  frozen = false
  /** What its clock shows beside everybody's. */
  skewMs = 0
  readonly held: Happening[] = []

  constructor(process: string, times: number) {
    this.process = process
    this.name = times > 1 ? `${process}.${times}` : process
  }
}

type Kind = 'timer' | 'arrival'

/** Something that is going to happen at a time, in a process or (null) in the world between them. */
export interface Happening {
  at: number
  readonly kind: Kind
  readonly order: number
  readonly lane: Lane | null
  readonly run: () => void
  cancelled: boolean
}

const current = new AsyncLocalStorage<Lane | null>()

/** The process whose code is running; null: the world's own. */
export function currentLane(): Lane | null {
  return current.getStore() ?? null
}

export function inLane<T>(lane: Lane | null, work: () => T): T {
  return current.run(lane, work)
}

/**
 * Virtual time: a queue of happenings, taken one by one. Between two, all that is promised is let happen, so nothing but
 * the order in this queue decides what comes first.
 */
export class Scheduler {
  /** Milliseconds since the simulation began. */
  now = 0
  /** Happenings so far. */
  count = 0
  readonly #heap: Happening[] = []
  #orders = 0

  after(ms: number, lane: Lane | null, run: () => void, kind: Kind = 'arrival'): Happening {
    const happening = { at: this.now + ms, kind, order: this.#orders++, lane, run, cancelled: false }
    if (!lane?.dead) this.#push(happening)
    return happening
  }

  freeze(lane: Lane): void {
    lane.frozen = true
  }

  /** What was due meanwhile happens now: timers first, as in a process that is continued, then what had arrived. */
  thaw(lane: Lane): void {
    if (!lane.frozen) return
    lane.frozen = false
    const held = lane.held.splice(0).sort((a, b) => rank(a) - rank(b) || a.at - b.at || a.order - b.order)
    for (const { run, kind, cancelled } of held) if (!cancelled) this.after(0, lane, run, kind)
  }

  /** Until `isOver` says so after some happening, or nothing is going to happen any more. */
  run(isOver: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const step = (): void => {
        if (isOver() || !this.#next()) resolve()
        else macrotask(step)
      }
      macrotask(step)
    })
  }

  /** One happening that really happens; false when there is none left. */
  #next(): boolean {
    for (let next = this.#pop(); next; next = this.#pop()) {
      if (next.cancelled || next.lane?.dead) continue
      this.now = Math.max(this.now, next.at)
      if (next.lane?.frozen) {
        next.lane.held.push(next)
        continue
      }
      this.count += 1
      inLane(next.lane, next.run)
      return true
    }
    return false
  }

  #push(happening: Happening): void {
    const heap = this.#heap
    let at = heap.push(happening) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!isBefore(heap[at]!, heap[above]!)) break
      swap(heap, at, above)
      at = above
    }
  }

  #pop(): Happening | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (heap.length === 0 || !last) return first
    heap[0] = last
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const right = left + 1
      let least = at
      if (left < heap.length && isBefore(heap[left]!, heap[least]!)) least = left
      if (right < heap.length && isBefore(heap[right]!, heap[least]!)) least = right
      if (least === at) return first
      swap(heap, at, least)
      at = least
    }
  }
}

function rank({ kind }: Happening): number {
  return kind === 'timer' ? 0 : 1
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

function swap(heap: Happening[], a: number, b: number): void {
  const one = heap[a]!
  heap[a] = heap[b]!
  heap[b] = one
}

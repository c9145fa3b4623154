import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '@pikku/core/testing'
import type { Fleet, Slot } from './fleet.ts'
import { planned, type Pace, type Planned } from './scenarios.ts'
import type { ChaosServer } from './server.ts'

/** A run as whoever started it knows it. */
export interface StartedRun extends Planned {
  readonly runId: string
  readonly startedAt: number
  /** What a caller that waited for it was told. */
  told?: Told
}

type Told =
  | { readonly output: unknown }
  | { readonly error: { readonly message: string; readonly code?: string } }
  /** Nothing: when it gave up. */
  | { readonly nothingUntil: number }

interface Answer {
  readonly ok: boolean
  readonly body: { readonly output?: unknown; readonly message?: string; readonly code?: string }
}

/** Longer than an API process needs that is only slow; a frozen one is given up. */
const answerWithinMs = 6_000
const waitMs = 4_000
const patienceMs = 120_000

/** Starts runs through the API processes, cancels some and waits for some, as clients that try again do. */
export class Load {
  readonly started = new Map<string, StartedRun>()
  /** What a client was told although it should not have been, and what it could not do. */
  readonly complaints: string[] = []
  readonly #fleet: Fleet
  readonly #server: ChaosServer
  readonly #random: Random
  readonly #pace: Pace
  readonly #errands = new Set<Promise<void>>()
  /** Requests that are on their way, by process. */
  readonly #asking = new Map<string, number>()
  #leases = 0
  #unended = 0
  #starting = 0
  #most = 0
  #over = false
  #number = 0

  constructor(parts: { fleet: Fleet; server: ChaosServer; random: Random; pace: Pace }) {
    this.#fleet = parts.fleet
    this.#server = parts.server
    this.#random = parts.random
    this.#pace = parts.pace
  }

  /** Runs that have not ended, as seen a moment ago. */
  get unended(): number {
    return this.#unended
  }

  /** The most there were at one time. */
  get most(): number {
    return this.#most
  }

  /** Whether anything is being executed, as seen a moment ago. */
  get busy(): boolean {
    return this.#leases > 0
  }

  isAsking(slot: Slot): boolean {
    return (this.#asking.get(slot.name) ?? 0) > 0
  }

  /** Until `stop`, keeps `target` runs in flight, but starts no more than `perSecond`. */
  async run(target: number, perSecond: number, pace = this.#pace): Promise<void> {
    this.#over = false
    const look = this.#lookForEver()
    let allowance = target
    while (!this.#over) {
      await delay(100)
      allowance = Math.min(target, allowance + perSecond / 10)
      while (allowance >= 1 && this.#unended + this.#starting < target && this.#starting < 24) {
        allowance -= 1
        this.start(planned(this.#random, pace))
      }
    }
    await look
  }

  stop(): void {
    this.#over = true
  }

  start(plan: Planned): StartedRun {
    const runId = `${plan.workflow.replace('chaos-', '')}-${++this.#number}`
    const run = { ...plan, runId, startedAt: Date.now() }
    this.started.set(runId, run)
    this.#starting += 1
    const starting = this.#start(run).finally(() => (this.#starting -= 1))
    // Drawn here, for the same seed to be the same load however long anything takes.
    const isAwaited = !plan.kind.startsWith('poison') && this.#random.chance(0.15)
    this.#follow(starting.then((isThere) => (isThere ? this.#after(run, isAwaited) : undefined)))
    return run
  }

  async resume(runId: string): Promise<void> {
    await this.#insist('/resume', { runId })
  }

  /** All that clients still wanted. */
  async settled(): Promise<void> {
    while (this.#errands.size > 0) await Promise.all(this.#errands)
  }

  #follow(errand: Promise<void>): void {
    const kept = errand
      .catch((error: unknown) => void this.complaints.push(String(error)))
      .finally(() => this.#errands.delete(kept))
    this.#errands.add(kept)
  }

  async #start({ runId, workflow, input }: StartedRun): Promise<boolean> {
    return (await this.#insist('/start', { runId, workflow, input })) !== null
  }

  async #after(run: StartedRun, isAwaited: boolean): Promise<void> {
    if (run.cancelAfterMs !== undefined) {
      await delay(run.cancelAfterMs)
      await this.#insist('/cancel', { runId: run.runId, reason: 'enough' })
    } else if (isAwaited) await this.#wait(run)
  }

  async #wait(run: StartedRun): Promise<void> {
    const until = Date.now() + patienceMs + this.#pace.longestNapMs * 3
    while (Date.now() < until) {
      const answer = await this.#ask('/wait', { runId: run.runId, timeout: waitMs })
      if (answer?.ok) {
        run.told = { output: answer.body.output }
        return
      }
      const code = answer?.body.code
      if (answer && code !== 'WAIT_TIMEOUT' && code !== 'STORE_UNAVAILABLE') {
        run.told = { error: { message: answer.body.message ?? '', ...(code === undefined ? {} : { code }) } }
        return
      }
    }
    run.told = { nothingUntil: Date.now() }
  }

  /** Asks again, somebody else perhaps, until there is an answer. Null, and a complaint, when there is none. */
  async #insist(path: string, body: object): Promise<Answer | null> {
    const until = Date.now() + patienceMs
    for (;;) {
      const answer = await this.#ask(path, body)
      if (answer?.ok) return answer
      if (answer && answer.body.code !== 'STORE_UNAVAILABLE') {
        this.complaints.push(`${path} ${JSON.stringify(body)}: ${JSON.stringify(answer.body)}`)
        return null
      }
      if (Date.now() > until) {
        this.complaints.push(`${path} ${JSON.stringify(body)}: no answer within ${patienceMs} ms`)
        return null
      }
      await delay(100)
    }
  }

  /** Undefined: nobody knows what became of it. */
  async #ask(path: string, body: object): Promise<Answer | undefined> {
    const ready = this.#fleet.of('api').filter((slot) => slot.ready)
    const slot = ready[Math.floor(Math.random() * ready.length)]
    if (!slot) {
      await delay(50)
      return undefined
    }
    this.#asking.set(slot.name, (this.#asking.get(slot.name) ?? 0) + 1)
    try {
      const response = await fetch(`http://127.0.0.1:${slot.port}${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(answerWithinMs + (path === '/wait' ? waitMs : 0)),
      })
      return { ok: response.ok, body: (await response.json()) as Answer['body'] }
    } catch {
      return undefined // Refused, cut off or too late: the same to a client.
    } finally {
      this.#asking.set(slot.name, (this.#asking.get(slot.name) ?? 1) - 1)
    }
  }

  async #lookForEver(): Promise<void> {
    while (!this.#over) {
      try {
        const { leases, unended } = await this.#server.load()
        this.#leases = leases
        this.#unended = unended
        this.#most = Math.max(this.#most, unended)
      } catch {
        this.#leases = 0 // The server is away: nothing is known to be executed.
      }
      await delay(200)
    }
  }
}

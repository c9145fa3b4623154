import type { Decision, Outcome, ReplayStep, Request } from './command.ts'
import { askedInstead, halfSettled, neverAsked, unwanted } from './divergence.ts'
import { RequestBook } from './request-book.ts'

/** The world outside, as far as replay needs it: both are injected so that replay itself stays pure. */
export interface ReplayEnv {
  /** One macrotask: by then the body has run as far as it goes without outside help. */
  yieldTurn(): Promise<void>
  /**
   * Resolves after the grace that a body gets for awaits that are not steps. `short`: the body has asked for something
   * that does not fit, so it is likelier that the code has changed than that another branch is on its way. `done` aborts
   * when nobody waits for it any more.
   */
  grace(short: boolean, done: AbortSignal): Promise<void>
}

export interface Replay {
  /**
   * Merge every changed row, then deliver settlements strictly in order, each only once all steps recorded as asked for
   * before it have been asked for. Runs the body as far as it goes and says what it now wants; each command is given once.
   */
  advance(changed: readonly ReplayStep[]): Promise<Decision>
  /** The body moved (asked, returned, threw or cancelled) while nobody advanced it. */
  onMoved(notify: () => void): void
  /** From here on requests stay pending and record nothing. */
  abandon(): void
  /** When the settlement last delivered was recorded; null before any. */
  readonly lastSettledAt: number | null
}

/** What the body's context calls. */
export interface ReplayPort {
  request(request: Request): Promise<unknown>
  /** Whether the history holds a call of this function under this step name that the body has not asked for yet. */
  holdsCall(name: string, rpcName: string): boolean
  cancel(reason: string): Promise<never>
  now(): number | null
}

type Ending =
  | { readonly kind: 'returned'; readonly output: unknown }
  | { readonly kind: 'threw'; readonly error: unknown }
  | { readonly kind: 'cancelled'; readonly reason: string }

/** Suspension is a promise that never settles: nothing of the engine is ever thrown into the body. */
const never = (): Promise<never> => new Promise(() => {})

/**
 * Runs `body` against a history. Deterministic given the history, also for bodies that await things which are not steps:
 * what was asked after which settlement is recorded, and a settlement is held back until everything asked before it is
 * asked again.
 */
export function createReplay(body: (port: ReplayPort) => Promise<unknown>, env: ReplayEnv): Replay {
  return new BodyReplay(body, env)
}

class BodyReplay implements Replay, ReplayPort {
  readonly #body: (port: ReplayPort) => Promise<unknown>
  readonly #env: ReplayEnv
  readonly #book = new RequestBook()
  /** Settled, in order; those before `#nextUp` are delivered, and dropped when the advance is over. */
  #settlements: ReplayStep[] = []
  #nextUp = 0
  #delivered = 0
  #ending: Ending | null = null
  #divergence: string | null = null
  #abandoned = false
  #started = false
  #advancing = false
  #onAsked: (() => void) | null = null
  #notifyMoved: (() => void) | null = null
  lastSettledAt: number | null = null

  constructor(body: (port: ReplayPort) => Promise<unknown>, env: ReplayEnv) {
    this.#body = body
    this.#env = env
  }

  onMoved(notify: () => void): void {
    this.#notifyMoved = notify
  }

  abandon(): void {
    this.#abandoned = true
    this.#onAsked?.()
  }

  request(request: Request): Promise<unknown> {
    if (this.#isHalted() || this.#isOver()) return never()
    const { promise, ...waiter } = Promise.withResolvers<unknown>()
    // A step promise may reject before anyone awaits it (A7): that is the body's to find out later, not a crash now.
    promise.catch(() => undefined)
    this.#book.ask({ request, askedAfter: this.#delivered, waiter })
    this.#moved()
    return promise
  }

  holdsCall(name: string, rpcName: string): boolean {
    return this.#book.holdsCall(name, rpcName)
  }

  cancel(reason: string): Promise<never> {
    if (this.#abandoned) return never()
    if (this.#ending?.kind === 'returned') this.#ending = null
    this.#end({ kind: 'cancelled', reason })
    return never()
  }

  now(): number | null {
    return this.lastSettledAt
  }

  async advance(changed: readonly ReplayStep[]): Promise<Decision> {
    this.#advancing = true
    this.#merge(changed)
    const begins = !this.#started
    if (begins) this.#start()
    // What is delivered is followed by a macrotask of its own: a body that waits for that has gone as far as it goes.
    if (begins || this.#settlements.length === 0) await this.#env.yieldTurn()
    while (!this.#isHalted() && !this.#isOver() && this.#nextUp < this.#settlements.length) {
      const next = this.#settlements[this.#nextUp]!
      await this.#deliver(next, next.outcome!)
    }
    this.#settlements = this.#settlements.slice(this.#nextUp)
    this.#nextUp = 0
    await this.#assertAllAsked()
    this.#advancing = false
    return this.#decide()
  }

  #start(): void {
    this.#started = true
    void Promise.resolve(this)
      .then(this.#body)
      .then(
        (output) => this.#end({ kind: 'returned', output }),
        (error: unknown) => this.#end({ kind: 'threw', error }),
      )
  }

  #end(how: Ending): void {
    if (this.#ending !== null) return
    this.#ending = how
    this.#moved()
  }

  #moved(): void {
    this.#onAsked?.()
    if (!this.#advancing && !this.#abandoned) this.#notifyMoved?.()
  }

  #merge(changed: readonly ReplayStep[]): void {
    const { settled, mismatch } = this.#book.merge(changed)
    this.#divergence ??= mismatch ?? halfSettled(changed)
    if (settled.length === 0) return
    this.#settlements = this.#settlements.concat(settled).sort((a, b) => (a.settledSeq ?? 0) - (b.settledSeq ?? 0))
  }

  async #deliver(step: ReplayStep, outcome: Outcome): Promise<void> {
    const seq = step.settledSeq ?? 0
    const isReady = (): boolean => this.#book.isWaitedFor(step.id) && this.#book.missingBefore(seq).length === 0
    if (!isReady() && !(await this.#inTime(isReady))) return this.#diverge(seq, unwanted(step.id))
    this.#nextUp++
    this.#delivered = seq
    this.lastSettledAt = step.settledAt
    const waiter = this.#book.takeWaiter(step.id)
    if (outcome.ok) waiter?.resolve(outcome.value)
    else waiter?.reject(outcome.error)
    await this.#env.yieldTurn()
  }

  /**
   * Every request fits somewhere, and a body that ended, or asks for what its history does not hold, asked for everything
   * that it holds: what it went on to now would leave a history that fits no code at all.
   */
  async #assertAllAsked(): Promise<void> {
    const allPlaced = (): boolean => !this.#book.hasMisfits || this.#isOver()
    if (!this.#isHalted() && !allPlaced() && !(await this.#inTime(allPlaced))) this.#diverge(0, null)
    const all = (): boolean => this.#book.missingBefore(Infinity).length === 0
    const goesOn = this.#ending !== null || this.#book.hasUnrecorded
    if (this.#isHalted() || !goesOn || this.#ending?.kind === 'cancelled') return
    if (!all() && !(await this.#inTime(all))) this.#diverge(Infinity, null)
  }

  /** The code does not fit the history: a request fits nowhere, a step was not asked for, or what `otherwise` says. */
  #diverge(before: number, otherwise: string | null): void {
    if (this.#abandoned) return
    const missing = this.#book.missingBefore(before)
    const found = missing.length > 0 ? neverAsked(missing, this.#ending?.kind ?? null) : otherwise
    this.#divergence ??= this.#book.misfit() ?? (found && `${found}${askedInstead(this.#book.unrecorded)}`)
  }

  /** Wait, in real time and within the grace, for the body to ask for something; false when the grace is over. */
  async #inTime(condition: () => boolean): Promise<boolean> {
    let isOver = false
    const done = new AbortController()
    const grace = this.#env.grace(this.#book.hasMisfits, done.signal).then(() => (isOver = true))
    while (!condition() && !isOver && !this.#isHalted()) {
      await Promise.race([grace, new Promise<void>((resolve) => (this.#onAsked = resolve))])
    }
    // With a reason at hand: without one each abort makes an error and its stack.
    done.abort('asked')
    this.#onAsked = null
    return condition()
  }

  #decide(): Decision {
    if (this.#divergence !== null) return { kind: 'diverged', reason: this.#divergence }
    // Whether it fits its history was not found out: nothing that it asks for or came to may be acted on.
    if (this.#abandoned) return { kind: 'blocked', commands: [], open: this.#book.open }
    const ending = this.#ending
    if (ending?.kind === 'threw' || ending?.kind === 'cancelled') return ending
    return { ...(ending ?? { kind: 'blocked' }), commands: this.#book.takeCommands(), open: this.#book.open }
  }

  #isHalted(): boolean {
    return this.#abandoned || this.#divergence !== null
  }

  /** A body that fails or cancels does not wait for what is open; one that returned does (A6). */
  #isOver(): boolean {
    return this.#ending?.kind === 'threw' || this.#ending?.kind === 'cancelled'
  }
}

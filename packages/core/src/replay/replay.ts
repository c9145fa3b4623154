import type { StepId } from '../contract/index.ts'
import { stepKey } from '../domain/step-id.ts'
import type { Command, Decision, Outcome, ReplayStep, Request } from './command.ts'
import { difference, neverAsked, unwanted } from './divergence.ts'

/** The world outside, as far as replay needs it: both are injected so that replay itself stays pure. */
export interface ReplayEnv {
  /** One macrotask: by then the body has run as far as it goes without outside help. */
  yieldTurn(): Promise<void>
  /**
   * Resolves after the grace that a body gets for awaits that are not steps. `short`: the body has asked for something
   * that does not fit, so it is likelier that the code has changed than that another branch is on its way.
   */
  grace(short: boolean): Promise<void>
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

interface Waiter {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** A request of the body, with the settlement it came after. */
interface Asking {
  readonly request: Request
  readonly askedAfter: number
  readonly waiter: Waiter
}

/** Suspension is a promise that never settles: nothing of the engine is ever thrown into the body. */
const never = (): Promise<never> => new Promise(() => {})

/**
 * Runs `body` against a history. Deterministic given the history, also for bodies that await things which are not steps:
 * what was asked after which settlement is recorded, and a settlement is held back until everything asked before it is asked again.
 */
export function createReplay(body: (port: ReplayPort) => Promise<unknown>, env: ReplayEnv): Replay {
  const recorded = new Map<string, ReplayStep>()
  const asked = new Map<string, Request>()
  const waiting = new Map<string, Waiter>()
  /** The first use of each name that is not taken yet. */
  const ordinals = new Map<string, number>()
  /** Asked before whoever takes the recorded use that comes first: parallel branches may come by in another order. */
  let early: Asking[] = []
  /** Settled, in order; those before `nextUp` are delivered. */
  let settlements: ReplayStep[] = []
  let nextUp = 0
  /** Recorded before the body asked, by `askedAfter`; those before `firstExpected` have been asked for. */
  const expected: ReplayStep[] = []
  let firstExpected = 0
  let commands: Command[] = []
  let delivered = 0
  let lastSettledAt: number | null = null
  let ending: Ending | null = null
  let divergence: string | null = null
  let abandoned = false
  let started = false
  let advancing = false
  let onAsked: (() => void) | null = null
  let notifyMoved: (() => void) | null = null

  function moved(): void {
    onAsked?.()
    if (!advancing && !abandoned) notifyMoved?.()
  }

  function request(asking: Request): Promise<unknown> {
    if (abandoned || divergence !== null || ending?.kind === 'cancelled' || ending?.kind === 'threw') return never()
    const { promise, ...waiter } = Promise.withResolvers<unknown>()
    // A step promise may reject before anyone awaits it (A7): that is the body's to find out later, not a crash now.
    promise.catch(() => undefined)
    early.push({ request: asking, askedAfter: delivered, waiter })
    placeEarly(asking.name)
    moved()
    return promise
  }

  /** Give each of them its use of the name, in the order they came, for as long as one fits. */
  function placeEarly(name?: string): void {
    for (let placed = true; placed;) {
      const fits = early.findIndex(
        ({ request }) => (name === undefined || request.name === name) && useOf(request) !== null,
      )
      placed = fits >= 0
      for (const asking of placed ? early.splice(fits, 1) : []) place(asking, useOf(asking.request) ?? 0)
    }
  }

  /** The first use of the name that is free, or the recorded one that is this very call; null: the first is another call. */
  function useOf(asking: Request): number | null {
    const first = ordinals.get(asking.name) ?? 0
    const row = recorded.get(stepKey({ name: asking.name, ordinal: first }))
    if (!row || difference(row, asking) === null) return first
    return recordedUse(asking.name, (other) => difference(other, asking) === null)
  }

  /** The first recorded use of the name that is free and fits. */
  function recordedUse(name: string, fits: (row: ReplayStep) => boolean): number | null {
    for (let ordinal = ordinals.get(name) ?? 0; ; ordinal++) {
      const key = stepKey({ name, ordinal })
      const row = recorded.get(key)
      if (!row && !asked.has(key)) return null
      if (row && !asked.has(key) && fits(row)) return ordinal
    }
  }

  function place({ request: asking, askedAfter, waiter }: Asking, ordinal: number): void {
    const id: StepId = { name: asking.name, ordinal }
    const key = stepKey(id)
    const row = recorded.get(key)
    asked.set(key, asking)
    waiting.set(key, waiter)
    let next = ordinals.get(asking.name) ?? 0
    while (asked.has(stepKey({ name: asking.name, ordinal: next }))) next++
    ordinals.set(asking.name, next)
    if (row && (row.kind !== 'inline' || row.status !== 'scheduled')) return
    const { attempt = 0, lost = 0 } = row ?? {}
    commands.push({ ...asking, id, askedAfter: row?.askedAfter ?? askedAfter, attempt, lost })
  }

  function holdsCall(name: string, rpcName: string): boolean {
    return recordedUse(name, (row) => row.rpcName === rpcName) !== null
  }

  /** What the first of those that came early is up against. */
  function mismatch(): string | null {
    const [first] = early
    const row =
      first && recorded.get(stepKey({ name: first.request.name, ordinal: ordinals.get(first.request.name) ?? 0 }))
    return first && row ? difference(row, first.request) : null
  }

  function cancel(reason: string): Promise<never> {
    if (!abandoned && ending?.kind === 'returned') ending = null
    if (!abandoned) end({ kind: 'cancelled', reason })
    return never()
  }

  function end(how: Ending): void {
    if (ending !== null) return
    ending = how
    moved()
  }

  function start(): void {
    started = true
    void Promise.resolve({ request, holdsCall, cancel, now: () => lastSettledAt })
      .then(body)
      .then(
        (output) => end({ kind: 'returned', output }),
        (error: unknown) => end({ kind: 'threw', error }),
      )
  }

  /** All rows are merged before the first is delivered: a command is only for a step with no row (A4). */
  function merge(changed: readonly ReplayStep[]): void {
    const arrived: ReplayStep[] = []
    let disordered = false
    for (const row of changed) {
      const key = stepKey(row.id)
      const before = recorded.get(key)
      if (before?.settledSeq != null) continue
      recorded.set(key, row)
      const asking = asked.get(key)
      if (asking) divergence ??= difference(row, asking)
      else if (!before) {
        disordered ||= (expected.at(-1)?.askedAfter ?? 0) > row.askedAfter
        expected.push(row)
      }
      if (row.settledSeq !== null) arrived.push(row)
    }
    if (early.length > 0) placeEarly()
    if (commands.length > 0) commands = commands.filter((command) => !overtaken(command))
    if (arrived.length > 0) {
      settlements = settlements
        .slice(nextUp)
        .concat(arrived)
        .sort((a, b) => (a.settledSeq ?? 0) - (b.settledSeq ?? 0))
      nextUp = 0
    }
    if (disordered) expected.sort((a, b) => a.askedAfter - b.askedAfter)
  }

  /** Another worker made this row while the request was still on its way here. */
  function overtaken(command: Command): boolean {
    const row = recorded.get(stepKey(command.id))
    return (
      row !== undefined && (row.settledSeq !== null || command.kind !== 'inline' || row.attempt !== command.attempt)
    )
  }

  function stillExpected(before: number): ReplayStep[] {
    while (firstExpected < expected.length && asked.has(stepKey(expected[firstExpected]!.id))) firstExpected++
    const head = expected[firstExpected]
    if (head === undefined || head.askedAfter >= before) return []
    return expected.slice(firstExpected).filter((row) => row.askedAfter < before && !asked.has(stepKey(row.id)))
  }

  /** Wait, in real time and within the grace, for the body to ask for something; false when the grace is over. */
  async function askedInTime(condition: () => boolean): Promise<boolean> {
    let over = false
    const grace = env.grace(early.length > 0).then(() => (over = true))
    while (!condition() && !over && !abandoned && divergence === null) {
      await Promise.race([grace, new Promise<void>((resolve) => (onAsked = resolve))])
    }
    onAsked = null
    return condition()
  }

  async function deliver(step: ReplayStep, outcome: Outcome): Promise<void> {
    const seq = step.settledSeq ?? 0
    const key = stepKey(step.id)
    const ready = (): boolean => waiting.has(key) && stillExpected(seq).length === 0
    if (!ready() && !(await askedInTime(ready))) {
      if (abandoned) return
      const missing = stillExpected(seq)
      divergence ??= mismatch()
      divergence ??= missing.length > 0 ? neverAsked(missing, ending === null ? null : ending.kind) : unwanted(step.id)
      return
    }
    nextUp++
    delivered = seq
    lastSettledAt = step.settledAt
    const waiter = waiting.get(key)
    waiting.delete(key)
    if (outcome.ok) waiter?.resolve(outcome.value)
    else waiter?.reject(outcome.error)
    await env.yieldTurn()
  }

  /** A body that fails or cancels does not wait for what is open; one that returned does (A6). */
  const over = (): boolean => ending?.kind === 'threw' || ending?.kind === 'cancelled'

  async function advance(changed: readonly ReplayStep[]): Promise<Decision> {
    advancing = true
    merge(changed)
    if (!started) start()
    await env.yieldTurn()
    while (divergence === null && !abandoned && !over() && nextUp < settlements.length) {
      const next = settlements[nextUp]!
      await deliver(next, next.outcome!)
    }
    const allPlaced = (): boolean => early.length === 0 || over()
    if (!allPlaced() && divergence === null && !(await askedInTime(allPlaced)) && !abandoned) divergence ??= mismatch()
    if (ending !== null && ending.kind !== 'cancelled' && divergence === null) {
      const all = (): boolean => stillExpected(Infinity).length === 0
      if (!all() && !(await askedInTime(all)) && !abandoned)
        divergence ??= neverAsked(stillExpected(Infinity), ending.kind)
    }
    advancing = false
    return decide()
  }

  function decide(): Decision {
    if (divergence !== null) return { kind: 'diverged', reason: divergence }
    if (ending?.kind === 'threw' || ending?.kind === 'cancelled') return ending
    const given = commands
    commands = []
    return { ...(ending ?? { kind: 'blocked' as const }), commands: given, open: waiting.size }
  }

  return {
    advance,
    onMoved: (notify) => (notifyMoved = notify),
    abandon: () => {
      abandoned = true
      onAsked?.()
    },
    get lastSettledAt() {
      return lastSettledAt
    },
  }
}

import { AssertionError } from 'node:assert'
import type { Answering, Doorbell, RunNotices, StorePorts, WorkItem } from '../../contract/index.ts'
import { StoreUnavailableError } from '../../contract/index.ts'
import type { MemoryTables } from '../../memory/index.ts'
import { seededRandom, type Random } from '../random.ts'
import type { Drawn, CallFate, Fates } from './fates.ts'
import { describeAnswer, describeCall } from './describe-call.ts'
import { assertAnswersAlike, assertFenced } from './call-laws.ts'
import { inLane, type Lane, type Scheduler } from './scheduler.ts'
import type { TableLaws } from './table-laws.ts'
import type { Trace } from './trace.ts'

/** What stands between a process and the store. */
export interface Between {
  readonly scheduler: Scheduler
  readonly fates: Fates
  readonly latency: Random
  readonly trace: Trace
  readonly tables: MemoryTables
  readonly laws: TableLaws
  /** Until then (virtual time) nobody reaches the store. */
  readonly storeAwayUntil: () => number
  kill(lane: Lane, why: string): void
  /** A law was broken: the simulation is over. */
  broken(error: unknown): void
}

const never = (): Promise<never> => new Promise(() => undefined)
const timeoutMs = 5_000

type Method = (...args: unknown[]) => Promise<unknown>

/** One process' way to the store and to the others: requests and answers travel, and things befall them. */
export class SimPorts {
  readonly #between: Between
  readonly #lane: Lane

  constructor(between: Between, lane: Lane) {
    this.#between = between
    this.#lane = lane
  }

  ports(ports: StorePorts): StorePorts {
    const { store, reader, admin, notices } = ports
    return {
      store: { ...this.#travelling(store, storeCalls), capabilities: store.capabilities, close: () => store.close() },
      reader: this.#travelling(reader, readerCalls),
      admin: this.#travelling(admin, adminCalls),
      notices: this.#notices(notices),
    }
  }

  doorbell(doorbell: Doorbell): Doorbell {
    return {
      ring: (items) => this.#call('ring', [items], () => this.#ring(doorbell, items)) as Promise<void>,
      answer: (roles, handler) =>
        inLane(null, () => doorbell.answer(roles, (item) => this.#handOver(item, handler))).then((answering) => {
          this.answering.push(answering)
          return answering
        }),
    }
  }

  readonly answering: Answering[] = []

  /** The message leaves the queue as it is handed over; when it gets here is another matter. */
  #handOver(item: WorkItem, handler: (item: WorkItem) => Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      this.#between.scheduler.after(this.#latencyMs(), this.#lane, () => {
        this.#note(`is handed ${describeItem(item)}`)
        void handler(item).then(resolve)
      })
    })
  }

  async #ring(doorbell: Doorbell, items: readonly WorkItem[]): Promise<void> {
    const { fates, scheduler } = this.#between
    for (const item of items) {
      const drawn = fates.message(item.runId)
      if (drawn?.fate === 'lost') continue
      const lateMs = drawn ? drawn.random.below(20_000) : 0
      const deliver = (): void => void doorbell.ring([item])
      if (drawn) scheduler.after(lateMs, null, deliver)
      if (drawn?.fate !== 'late') await doorbell.ring([item])
    }
  }

  #notices(notices: RunNotices): RunNotices {
    const { fates, scheduler } = this.#between
    const arrives = (about: string, tell: () => void): void => {
      const drawn = fates.notice(`${about}.${this.#lane.process}`)
      if (drawn?.fate === 'lost') return
      scheduler.after(this.#latencyMs() + (drawn?.fate === 'late' ? drawn.random.below(20_000) : 0), this.#lane, tell)
      if (drawn?.fate === 'doubled') scheduler.after(drawn.random.below(20_000), this.#lane, tell)
    }
    return {
      live: notices.live,
      publish: (runIds, kind) => this.#call('publish', [runIds], () => notices.publish(runIds, kind)) as Promise<void>,
      subscribe: (listener) =>
        notices.subscribe({
          onChanged: (runId, kind) => arrives(runId, () => listener.onChanged(runId, kind)),
          onMissed: () => arrives('all', () => listener.onMissed()),
        }),
    }
  }

  #travelling<T extends object, K extends keyof T & string>(target: T, names: readonly K[]): Pick<T, K> {
    const travelling = names.map((name) => {
      const method = target[name] as Method
      const call = (...args: unknown[]): Promise<unknown> =>
        this.#call(name, args, () => Reflect.apply(method, target, args) as Promise<unknown>)
      return [name, call] as const
    })
    return Object.fromEntries(travelling) as unknown as Pick<T, K>
  }

  #call(name: string, args: readonly unknown[], apply: () => Promise<unknown>): Promise<unknown> {
    const { fates, kill } = this.#between
    const lane = this.#lane
    if (lane.dead) return never()
    const what = describeCall(name, args)
    const drawn = fates.call(name, (name === 'enlist' ? null : subjectOf(args[0])) ?? lane.process)
    this.#note(`${what}${drawn ? ` [${drawn.fate}]` : ''}`)
    if (drawn?.fate === 'dies before') {
      kill(lane, what)
      return never()
    }
    return new Promise((resolve, reject) => {
      const journey: Journey = { name, args, what, apply, drawn, resolve, reject }
      if (drawn?.fate === 'refused') return this.#unavailable(journey, 'was refused')
      if (drawn?.fate === 'applied late') {
        this.#unavailable(journey, 'timed out')
        this.#request(journey, drawn.random.below(20_000), () => undefined)
        return
      }
      const travelMs = drawn?.fate === 'slow' ? drawn.random.below(15_000) : this.#latencyMs()
      this.#request(journey, travelMs, (how) => this.#answer(journey, how))
    })
  }

  /** The request reaches the store, is applied there, and whoever asked for it hears of it or not. */
  #request(journey: Journey, travelMs: number, then: (how: Answer) => void): void {
    const { scheduler, storeAwayUntil } = this.#between
    scheduler.after(travelMs, null, () => {
      if (scheduler.now < storeAwayUntil()) return this.#unavailable(journey, 'found the store away')
      void this.#apply(journey).then(then)
    })
  }

  async #apply(journey: Journey): Promise<Answer> {
    const { laws, broken, tables } = this.#between
    const { name, args, apply } = journey
    try {
      const answer = await apply()
      laws.check()
      assertFenced(tables, { name, args, answer })
      return { ok: true, answer }
    } catch (error) {
      if (error instanceof AssertionError || (error instanceof Error && error.name === 'LawBroken')) broken(error)
      return { ok: false, error }
    }
  }

  #answer(journey: Journey, how: Answer): void {
    const { kill, scheduler, broken } = this.#between
    const { drawn, what } = journey
    const lane = this.#lane
    switch (drawn?.fate) {
      case 'dies after its effect':
        return kill(lane, `${what}, applied`)
      case 'answer lost':
        return this.#unavailable(journey, 'lost its answer')
      case 'made twice':
        return this.#request({ ...journey, drawn: null }, drawn.random.below(2_000), (second) => {
          try {
            assertAnswersAlike(this.#between.tables, { name: journey.name, args: journey.args }, [how, second])
          } catch (error) {
            broken(error)
          }
          this.#answer({ ...journey, drawn: null }, second)
        })
      default:
    }
    const travelMs = drawn?.fate === 'slow' ? drawn.random.below(5_000) : this.#latencyMs()
    scheduler.after(travelMs, lane, () => {
      this.#note(`${what} → ${how.ok ? describeAnswer(journey.name, how.answer) : messageOf(how.error)}`)
      if (how.ok) journey.resolve(how.answer)
      else journey.reject(how.error)
      if (drawn?.fate === 'dies after its answer') scheduler.after(0, lane, () => kill(lane, `${what}, answered`))
    })
  }

  #unavailable({ what, reject, drawn }: Journey, why: string): void {
    const waitMs = drawn?.fate === 'applied late' ? timeoutMs : this.#latencyMs()
    this.#between.scheduler.after(waitMs, this.#lane, () => {
      this.#note(`${what} → unavailable: ${why}`)
      reject(new StoreUnavailableError(`it ${why}`))
    })
  }

  /** Mostly a millisecond, now and then many: what is sent later may arrive earlier. */
  #latencyMs(): number {
    const { latency } = this.#between
    return latency.chance(0.05) ? latency.next() * 60 : 0.1 + latency.next()
  }

  #note(what: string): void {
    const { trace, scheduler } = this.#between
    trace.note(scheduler.now, this.#lane.name, what)
  }
}

type Answer = { readonly ok: true; readonly answer: unknown } | { readonly ok: false; readonly error: unknown }

interface Journey {
  readonly name: string
  readonly args: readonly unknown[]
  readonly what: string
  readonly apply: () => Promise<unknown>
  readonly drawn: Drawn<CallFate> | null
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: unknown) => void
}

/** The run that a call is about. */
function subjectOf(first: unknown): string | null {
  if (typeof first === 'string') return first
  return typeof first === 'object' && first !== null && 'runId' in first ? String(first.runId) : null
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

function describeItem(item: WorkItem): string {
  if (item.kind === 'run') return `run ${item.runId}`
  return `step '${item.step.name}'#${item.step.ordinal} of ${item.runId}, attempt ${item.attempt}`
}

export const latencyRandom = (seed: number): Random => seededRandom(seed ^ 0x7f4a7c15)

const storeCalls = [
  'createRun',
  'claimRun',
  'commitRun',
  'readChanges',
  'claimStep',
  'settleStep',
  'releaseStep',
  'renewLeases',
  'signalRun',
  'cancelRun',
  'sweep',
  'enlist',
] as const
const readerCalls = ['getRun', 'listSteps', 'listAttempts', 'listRuns'] as const
const adminCalls = ['migrate', 'deleteRuns'] as const

import { AssertionError } from 'node:assert'
import type { Turn } from '../../contract/index.ts'
import type { Registry } from '../../define/index.ts'
import { isEnded } from '../../domain/run-state.ts'
import { MemoryTables } from '../../memory/index.ts'
import { seededRandom } from '../random.ts'
import { LawBook } from '../invariants.ts'
import { Ledger } from '../engine/ledger.ts'
import { registryOf, type TestApp, type Trace as BodyTrace } from '../engine/test-app.ts'
import { Clients } from './client.ts'
import { Fates } from './fates.ts'
import { checkFinally } from './final-laws.ts'
import { Fleet, type WrapPorts } from './fleet.ts'
import { appOf, type Wording } from './interpret.ts'
import type { Plan } from './plan.ts'
import { currentLane, inLane, Scheduler, type Lane } from './scheduler.ts'
import { latencyRandom, type Between } from './sim-ports.ts'
import { LawBroken, TableLaws } from './table-laws.ts'
import { Trace } from './trace.ts'
import { live } from './virtual-globals.ts'

/** How a simulation ended. */
export interface Result {
  readonly seed: number
  readonly hash: string
  /** Happenings. */
  readonly events: number
  /** Steps that were settled. */
  readonly steps: number
  readonly runs: number
  /** Virtual time, the years that were skipped left out. */
  readonly ms: number
  readonly faults: ReadonlyMap<string, number>
  /** The faults that happened, by id. */
  readonly happened: ReadonlyMap<string, string>
  readonly broken: { readonly law: string; readonly how: string } | null
  readonly trace: readonly string[] | null
}

const epoch = Date.UTC(2030, 0, 1)
/** How long after the last fault everything has to have ended; leases grow with every crash, so this is not short. */
const patienceMs = 3_600_000
const lookMs = 1_000
/** A wait that is longer is passed over when nothing else is going on. */
const shortMs = 5_000

export interface Options {
  readonly keepTrace?: boolean
  readonly wrap?: WrapPorts
}

/** One seed's world, from its beginning to its end. */
export class Simulation {
  readonly plan: Plan
  readonly scheduler = new Scheduler()
  readonly tables: MemoryTables
  readonly ledger = new Ledger()
  readonly traces = new Map<string, BodyTrace[]>()
  readonly chance
  readonly fates: Fates
  readonly fleet: Fleet
  readonly clients: Clients
  /** The digest of the code that ended each run. */
  readonly endedBy = new Map<string, string>()
  readonly apps: Readonly<Record<1 | 2, TestApp>>
  readonly registries: Readonly<Record<1 | 2, Registry>>
  readonly #laws: TableLaws
  readonly #book = new LawBook()
  readonly #trace: Trace
  readonly #failures = new Map<string, number>()
  #lapseMs = 0
  #storeSkewMs = 0
  #awayUntil = 0
  #calm = false
  #over = false
  #broken: { law: string; how: string } | null = null

  constructor(plan: Plan, options: Options = {}) {
    this.plan = plan
    this.chance = seededRandom(plan.seed ^ 0x2c1b3c6d)
    this.#trace = new Trace(options.keepTrace ?? false)
    this.tables = new MemoryTables({ now: () => this.#storeNow() })
    this.#laws = new TableLaws(
      this.tables,
      plan.faults.some(({ kind }) => kind === 'clock of the store'),
    )
    this.fates = new Fates(plan, () => this.scheduler.now)
    this.apps = { 1: this.#app(1), 2: this.#app(2) }
    const registryFor = (version: 1 | 2): Registry => registryOf(this.apps[version], this)
    this.registries = { 1: registryFor(1), 2: registryFor(2) }
    this.clients = new Clients(plan, this.scheduler, this.#breaks)
    const wrap = options.wrap ?? ((ports) => ports)
    this.fleet = new Fleet({
      plan,
      between: this.#between(),
      fates: this.fates,
      chance: this.chance,
      registryOf: (version) => this.registries[version],
      wrap: (ports, tables) => {
        const watched = this.#book.watch(this.#watchEnds(wrap(ports, tables)))
        return { ...watched, store: Object.assign(watched.store, { close: () => ports.store.close() }) } as never
      },
      jumpStore: (ms) => (this.#storeSkewMs += ms),
      awayUntil: (at) => (this.#awayUntil = at),
      onClient: (process) => this.clients.begin(process),
    })
  }

  /** The store's clock was moved back: instants in records may be in any order. */
  get storeWentBack(): boolean {
    return this.plan.faults.some(({ kind, ms }) => kind === 'clock of the store' && ms < 0)
  }

  async run(): Promise<Result> {
    live({ scheduler: this.scheduler, chance: this.chance, now: () => this.#now() })
    const onStray = (error: unknown): void => this.#strayed(error)
    process.on('unhandledRejection', onStray)
    try {
      this.fleet.start()
      this.scheduler.after(this.plan.calmAtMs, null, () => this.#calmDown())
      this.scheduler.after(lookMs, null, () => this.#look())
      await this.scheduler.run(() => this.#over || this.#broken !== null)
      if (!this.#broken) await this.#finish()
    } finally {
      process.off('unhandledRejection', onStray)
    }
    return this.#result()
  }

  #allEnded(): boolean {
    return this.plan.runs.every(({ runId }) => {
      const row = this.tables.runs.get(runId)
      return row !== undefined && isEnded(row.status)
    })
  }

  #look(): void {
    if (this.#calm) {
      if (this.#allEnded() && this.#allTold()) {
        this.#over = true
        return
      }
      this.#resumeThoseOverLimit()
      if (this.scheduler.now > this.plan.calmAtMs + patienceMs) return this.#breaks(this.#asleep())
    }
    this.#passOver()
    this.scheduler.after(lookMs, null, () => this.#look())
  }

  #allTold(): boolean {
    return this.plan.runs.every(({ runId }) => this.clients.told.has(runId))
  }

  /** Somebody reads why, mends it and presses "resume". */
  #resumeThoseOverLimit(): void {
    const [asker] = this.fleet.processes.filter(({ planned, lane }) => planned.name === 'api' && !lane.dead)
    for (const row of this.tables.runs.values()) {
      if (row.blockedForAll && asker) void inLane(asker.lane, () => asker.service.resumeRun(row.runId))
    }
  }

  /** Nothing is going on but waiting: the time until somebody has to do something passes at once. */
  #passOver(): void {
    if (this.tables.runs.size < this.plan.runs.length) return
    const runs = [...this.tables.runs.values()].filter(({ status }) => !isEnded(status))
    let soonest = Infinity
    for (const run of runs) {
      for (const row of [run, ...run.steps.values()]) {
        if (row.leaseUntil !== null || row.rungAt !== null) return
        if (row.dueAt !== null) soonest = Math.min(soonest, row.dueAt)
      }
    }
    const waitMs = soonest - this.tables.now()
    if (waitMs === Infinity || waitMs < shortMs) return
    this.#lapseMs += waitMs - lookMs
    this.#trace.note(this.scheduler.now, 'world', `${waitMs} ms pass`)
  }

  #calmDown(): void {
    this.#calm = true
    this.#awayUntil = 0
    this.fleet.calmDown()
  }

  async #finish(): Promise<void> {
    try {
      await this.#stopAll()
      if (!this.#broken) await this.#judge()
    } catch (error) {
      this.#breaks(error)
    }
  }

  /** Everybody stops in good order, and does so in time. */
  async #stopAll(): Promise<void> {
    const living = this.fleet.processes.filter(({ lane, closed }) => !lane.dead && !closed)
    for (const process of living) void process.stop(0)
    // One that was being replaced already is gone by now.
    const open = (): string[] => living.filter(({ closed }) => !closed).map(({ lane }) => lane.name)
    const until = this.scheduler.now + 60_000
    await this.scheduler.run(() => open().length === 0 || this.scheduler.now > until || this.#broken !== null)
    if (open().length === 0 || this.#broken) return
    throw new LawBroken(
      'a process stops in time',
      `${open().join(', ')} still there a minute after it was told to stop`,
    )
  }

  async #judge(): Promise<void> {
    let judged = false
    const judging = inLane(null, () => checkFinally(this)).finally(() => (judged = true))
    judging.catch(() => undefined) // Awaited below.
    await this.scheduler.run(() => judged)
    await judging
  }

  #app(version: 1 | 2): TestApp {
    const wordings = this.plan.runs.map(({ workflow, programs }): Wording => {
      const [first, second] = programs
      const program = version === 1 ? first : second
      return { workflow, text: `${workflow} ${JSON.stringify(program)}`, program }
    })
    const { scheduler, plan, chance } = this
    const pass = (step: string, where: string): Promise<void> =>
      this.fates.dies(`${step}.${where}`) ? this.#dieHere(`as ${step} ${where}`) : Promise.resolve()
    return appOf(
      wordings,
      {
        chance,
        pass,
        get mended() {
          return scheduler.now >= plan.calmAtMs
        },
        kill: (why) => this.#dieHere(why),
      },
      this.#failures,
    )
  }

  #dieHere(where: string): Promise<never> {
    const lane = currentLane()
    if (lane) this.fleet.kill(lane, where)
    return new Promise(() => undefined)
  }

  #between(): Between {
    const { scheduler, fates, tables } = this
    return {
      scheduler,
      fates,
      tables,
      latency: latencyRandom(this.plan.seed),
      trace: this.#trace,
      laws: this.#laws,
      storeAwayUntil: () => this.#awayUntil,
      kill: (lane, why) => this.fleet.kill(lane, why),
      broken: this.#breaks,
    }
  }

  #watchEnds<T extends { store: { commitRun(...args: never[]): Promise<unknown> } }>(ports: T): T {
    const { store } = ports
    const commitRun = async (...args: never[]): Promise<unknown> => {
      const [{ runId }, { next, codeHash }] = args as unknown as [{ runId: string }, Turn]
      const answer = await store.commitRun(...args)
      if (next.kind === 'complete' || next.kind === 'fail' || next.kind === 'cancel') this.endedBy.set(runId, codeHash)
      return answer
    }
    const watched = new Proxy(store, {
      get: (target, name) => {
        if (name === 'commitRun') return commitRun
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    return { ...ports, store: watched }
  }

  #now(): number {
    return Math.floor(epoch + this.scheduler.now + this.#lapseMs + (currentLane()?.skewMs ?? 0))
  }

  #storeNow(): number {
    return Math.floor(epoch + this.scheduler.now + this.#lapseMs + this.#storeSkewMs)
  }

  readonly #breaks = (error: unknown): void => {
    if (this.#broken) return
    this.#broken = { law: lawOf(error), how: error instanceof Error ? error.message : String(error) }
    this.#trace.note(this.scheduler.now, 'world', `LAW BROKEN: ${this.#broken.law}: ${this.#broken.how}`)
  }

  #strayed(error: unknown): void {
    const lane: Lane | null = currentLane()
    if (!lane?.dead) this.#breaks(new LawBroken('A7: no rejection is left unhandled', String(error)))
  }

  #asleep(): LawBroken {
    const left = this.plan.runs.filter(({ runId }) => {
      const row = this.tables.runs.get(runId)
      return !row || !isEnded(row.status) || !this.clients.told.has(runId)
    })
    const told = left.map(({ runId }) => {
      const row = this.tables.runs.get(runId)
      if (!row) return `${runId} was never created`
      if (isEnded(row.status)) return `${runId} has ended, and whoever waits for it was not told`
      const steps = [...row.steps.values()].map(
        ({ id, status, kind }) => `${kind} '${id.name}'#${id.ordinal} ${status}`,
      )
      const { status, reason, crashes, rungAt, dueAt, leaseUntil } = row
      return `${runId} ${status}${reason ? ` (${reason})` : ''}, ${JSON.stringify({ crashes, rungAt, dueAt, leaseUntil })}: ${steps.join(', ')}`
    })
    return new LawBroken('⑤ everything ends', told.join('\n'))
  }

  #result(): Result {
    const settled = [...this.tables.runs.values()].flatMap(({ steps }) => [...steps.values()])
    return {
      seed: this.plan.seed,
      hash: this.#trace.hash,
      events: this.scheduler.count,
      steps: settled.filter(({ settledSeq }) => settledSeq !== null).length,
      runs: this.tables.runs.size,
      ms: this.scheduler.now,
      faults: this.fates.counts,
      happened: this.fates.happened,
      broken: this.#broken,
      trace: this.#trace.lines,
    }
  }
}

/** The law book's laws are the beginnings of what it says. */
function lawOf(error: unknown): string {
  if (error instanceof LawBroken) return error.law
  if (error instanceof AssertionError) return error.message.split(':')[0] ?? ''
  return error instanceof Error ? error.name : 'something was thrown'
}

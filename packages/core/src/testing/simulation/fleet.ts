import type { Registry } from '../../define/index.ts'
import { MemoryDoorbell, memoryPorts, type MemoryTables } from '../../memory/index.ts'
import type { StorePorts } from '../../contract/index.ts'
import type { MemoryStore } from '../../memory/index.ts'
import type { Random } from '../random.ts'
import type { Fates } from './fates.ts'
import type { Plan, PlannedProcess, TimedFault } from './plan.ts'
import { inLane, type Lane } from './scheduler.ts'
import type { Between } from './sim-ports.ts'
import { SimProcess } from './sim-process.ts'

/** What planted defects of a store put between it and everybody. */
export type WrapPorts = (
  ports: StorePorts & { readonly store: MemoryStore },
  tables: MemoryTables,
) => StorePorts & { readonly store: MemoryStore }

interface Parts {
  readonly plan: Plan
  readonly between: Between
  readonly fates: Fates
  readonly chance: Random
  readonly registryOf: (version: 1 | 2) => Registry
  readonly wrap: WrapPorts
  /** Moves the store's own clock. */
  readonly jumpStore: (ms: number) => void
  readonly awayUntil: (at: number) => void
  /** Somebody who starts runs begins its work. */
  readonly onClient: (client: SimProcess) => void
}

const client: PlannedProcess = { name: 'api', role: 'everything', version: 1, turns: 1, steps: 1, parkedRuns: 0 }

/** The processes of one simulation: started, befallen, and started again. */
export class Fleet {
  readonly #parts: Parts
  readonly #doorbell: MemoryDoorbell | null
  readonly #live = new Map<string, SimProcess>()
  readonly #starts = new Map<string, number>()
  #calm = false

  constructor(parts: Parts) {
    this.#parts = parts
    this.#doorbell = parts.plan.mode === 'remote' ? new MemoryDoorbell() : null
  }

  get processes(): SimProcess[] {
    return [...this.#live.values()]
  }

  start(): void {
    const { plan, between } = this.#parts
    for (const planned of plan.processes) this.#start(planned)
    this.#start(client)
    for (const fault of plan.faults) {
      between.scheduler.after(fault.atMs, null, () => this.#befall(fault))
    }
  }

  kill(lane: Lane, why: string): void {
    const process = this.processes.find((one) => one.lane === lane)
    if (!process || lane.dead) return
    this.#note(process.lane.name, `dies: ${why}`)
    process.die()
    this.#startAgain(process.planned, this.#parts.chance.below(3_000))
  }

  /** From now on nothing goes wrong: whoever is frozen goes on, and code of both versions is there. */
  calmDown(): void {
    this.#calm = true
    const { between, plan } = this.#parts
    this.#note('world', 'is calm from now on')
    for (const { lane } of this.processes) between.scheduler.thaw(lane)
    const [first] = plan.processes
    if (!first) return
    const able = { ...first, role: 'everything' } as const
    const deployed = plan.faults.some(({ kind }) => kind === 'other version')
    if (deployed || first.role !== 'everything') this.#start({ ...able, name: 'old', version: 1 })
    if (deployed) this.#start({ ...able, name: 'new', version: 2 })
  }

  #start(planned: PlannedProcess): void {
    const { between, registryOf, wrap, onClient, plan } = this.#parts
    const times = (this.#starts.get(planned.name) ?? 0) + 1
    this.#starts.set(planned.name, times)
    const onlyAsks = planned.name === client.name && plan.mode === 'remote'
    const process = inLane(
      null,
      () =>
        new SimProcess({
          between,
          ports: wrap(memoryPorts(between.tables), between.tables),
          doorbell: this.#doorbell,
          registry: registryOf(planned.version),
          planned,
          times,
          onlyAsks,
        }),
    )
    this.#live.set(planned.name, process)
    this.#note(process.lane.name, `starts (${onlyAsks ? 'asks only' : planned.role}, version ${planned.version})`)
    process.start().then(
      () => planned.name === client.name && onClient(process),
      (error: unknown) => this.kill(process.lane, `it could not start: ${String(error)}`),
    )
  }

  #startAgain(planned: PlannedProcess, inMs: number): void {
    this.#parts.between.scheduler.after(inMs, null, () => {
      if (this.#live.get(planned.name)?.lane.dead ?? true) this.#start(planned)
    })
  }

  #befall({ id, kind, process: name, ms }: TimedFault): void {
    const { fates, between, plan, awayUntil, jumpStore } = this.#parts
    if (this.#calm || !fates.allows(id)) return
    const process = this.#live.get(name)
    if (kind === 'clock of the store' || kind === 'store away') {
      fates.note(id, kind)
      this.#note('store', `${kind}: ${ms} ms`)
      if (kind === 'store away') awayUntil(between.scheduler.now + ms)
      else jumpStore(ms)
      return
    }
    // It is not there at the moment, or has been left out of the plan.
    if (!process || process.lane.dead || !plan.processes.some((one) => one.name === name)) return
    fates.note(id, kind)
    this.#note(process.lane.name, `${kind}: ${ms} ms`)
    this.#befallProcess(process, { kind, ms })
  }

  #befallProcess(process: SimProcess, { kind, ms }: { kind: TimedFault['kind']; ms: number }): void {
    const { between } = this.#parts
    const { lane, planned, owner } = process
    switch (kind) {
      case 'kill':
        return this.kill(lane, 'by SIGKILL')
      case 'freeze':
        between.scheduler.freeze(lane)
        between.scheduler.after(ms, null, () => between.scheduler.thaw(lane))
        return
      case 'declared dead':
      case 'connections lost':
        if (owner === null) return
        between.tables.disconnect(owner)
        // An adapter enlists again as soon as it notices.
        between.scheduler.after(ms, null, () => lane.dead || process.closed || between.tables.reconnect(owner))
        return
      case 'clock of a process':
        lane.skewMs += ms
        return
      case 'stop in good order':
        return this.#replace(process, planned, ms)
      case 'other version':
        return this.#replace(process, { ...planned, version: planned.version === 1 ? 2 : 1 }, ms)
      default:
    }
  }

  /** As a deploy does: told to stop, and another one started as soon as it has. */
  #replace(process: SimProcess, successor: PlannedProcess, graceMs: number): void {
    void process.stop(graceMs).then(() => {
      if (process.lane.dead) return
      process.die()
      this.#startAgain(successor, this.#parts.chance.below(500))
    })
  }

  #note(who: string, what: string): void {
    const { trace, scheduler } = this.#parts.between
    trace.note(scheduler.now, who, what)
  }
}

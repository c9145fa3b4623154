import { rotated } from './rotation.ts'
import type { Figure, Figures, Result } from './results.ts'
import type { Size } from './sizes.ts'
import type { Stage } from './stage.ts'
import { spreadOf } from './statistics.ts'
import type { System } from './systems.ts'
import type { Row, Workload } from './workload.ts'

export interface Plan {
  readonly workloads: readonly Workload[]
  readonly systems: readonly System[]
  readonly size: Size
  readonly say: (line: string) => void
}

/** Every workload on every system that can do it, repetition by repetition, in an order that changes. */
export async function runAll(stage: Stage, plan: Plan): Promise<readonly Result[]> {
  const results: Result[] = []
  for (const workload of plan.workloads) {
    for (const x of workload.points?.(plan.size) ?? [null]) {
      results.push(...(await new Race(stage, workload, plan).run(x)))
    }
    await stage.clear()
  }
  return results
}

/** One workload at one point. */
class Race {
  readonly #stage: Stage
  readonly #workload: Workload
  readonly #plan: Plan
  readonly #samples = new Map<System, Map<string, Figures[]>>()
  readonly #failures = new Map<System, string>()

  constructor(stage: Stage, workload: Workload, plan: Plan) {
    this.#stage = stage
    this.#workload = workload
    this.#plan = plan
  }

  async run(x: number | null): Promise<readonly Result[]> {
    const { size } = this.#plan
    const systems = this.#plan.systems.filter((system) => this.#workload.takes(system))
    const wanted = (system: System) => this.#workload.repetitions?.(size, system) ?? size.repetitions
    const most = Math.max(0, ...systems.map(wanted))
    for (let repetition = 0; repetition < most; repetition++) {
      for (const system of rotated(systems, repetition)) {
        if (repetition < wanted(system) && !this.#failures.has(system)) await this.#turn(system, x)
      }
    }
    return systems.flatMap((system) => this.#resultsOf(system, x))
  }

  async #turn(system: System, x: number | null): Promise<void> {
    const { size, say } = this.#plan
    const at = x === null ? '' : ` at ${x}`
    const who = `${this.#workload.rows[0]?.name}${at}, ${system.name} (${system.store})`
    const start = performance.now()
    // In one Redis the one would find what the other left; curves go on with what is there.
    if (system.store === 'redis' && x === null) await this.#stage.redis.clear()
    try {
      const measured = await this.#stage.turn(system, (turn) => this.#workload.measure(turn, size, x ?? 0))
      const samples = this.#samples.get(system) ?? new Map<string, Figures[]>()
      this.#samples.set(system, samples)
      for (const [name, figures] of Object.entries(measured)) {
        samples.set(name, [...(samples.get(name) ?? []), ...figures])
      }
      const seconds = ((performance.now() - start) / 1000).toFixed(1)
      say(`${who}: ${Object.values(measured).flat().map(shown).join('; ')} [${seconds} s]`)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#failures.set(system, (reason.split('\n', 1)[0] ?? reason).replace(/^Error: /, ''))
      say(`${who}: failed: ${reason}`)
    }
  }

  #resultsOf(system: System, x: number | null): readonly Result[] {
    const names = new Set(this.#workload.rows.map(({ name }) => name))
    return [...names].map((workload): Result => {
      const base = { workload, store: system.store, system: system.name, ...(x === null ? {} : { x }) }
      const failed = this.#failures.get(system)
      const samples = this.#samples.get(system)?.get(workload) ?? []
      if (failed !== undefined || samples.length === 0)
        return { ...base, repetitions: 0, failed: failed ?? 'not measured' }
      const first = this.#workload.rows.find(({ name }) => name === workload)
      const spread = spreadOf(valuesOf(samples, first))
      const floor = this.#floorOf(system, first)
      const range = { repetitions: samples.length, min: spread.min, max: spread.max }
      return { ...base, ...mediansOf(samples), ...range, ...(floor === null ? {} : { floor }) }
    })
  }

  #floorOf({ name, store }: System, row: Row | undefined): number | null {
    if (name === 'floor') return null
    const floor = [...this.#samples].find(([system]) => system.name === 'floor' && system.store === store)
    const values = valuesOf(floor?.[1].get(row?.name ?? '') ?? [], row)
    return values.length === 0 ? null : spreadOf(values).median
  }
}

function valuesOf(samples: readonly Figures[], row: Row | undefined): readonly number[] {
  return samples.flatMap((figures) => {
    const value = row && figures[row.figure]
    return value === undefined ? [] : [value]
  })
}

function mediansOf(samples: readonly Figures[]): Figures {
  const names = new Set(samples.flatMap((figures) => Object.keys(figures) as Figure[]))
  const entries = [...names].map((name) => {
    const values = samples.flatMap((figures) => figures[name] ?? [])
    return [name, spreadOf(values).median] as const
  })
  return Object.fromEntries(entries)
}

function shown(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value.toPrecision(4)}`)
    .join(', ')
}

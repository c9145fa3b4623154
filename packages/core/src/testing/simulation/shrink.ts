import { partsOfPlan, planOf, reduced, type Reduction } from './plan.ts'
import { Simulation, type Options, type Result } from './simulation.ts'

/** The smallest version of a seed that was found to break the same law. */
export interface Shrunk {
  readonly reduction: Reduction
  readonly result: Result
  /** Simulations that were run for it. */
  readonly tries: number
}

type Part = keyof Reduction

/** Leaves out runs, processes, faults and steps, as long as the same law is broken without them. */
export class Shrinker {
  readonly #seed: number
  readonly #options: Options
  readonly #law: string
  readonly #isOver: () => boolean
  #best: Reduction = {}
  #tries = 0

  constructor(seed: number, law: string, how: { options: Options; isOver: () => boolean }) {
    this.#seed = seed
    this.#law = law
    this.#options = how.options
    this.#isOver = how.isOver
  }

  async shrink(): Promise<Shrunk> {
    const plan = planOf(this.#seed)
    const first = await this.#run({})
    await this.#holds({ ...this.#best, faults: [...first.happened.keys()] })
    for (let before = ''; before !== JSON.stringify(this.#best) && !this.#isOver();) {
      before = JSON.stringify(this.#best)
      await this.#fewer('faults', this.#best.faults ?? [...first.happened.keys()])
      await this.#fewer('runs', this.#best.runs ?? plan.runs.map(({ runId }) => runId))
      await this.#fewer('processes', this.#best.processes ?? plan.processes.map(({ name }) => name))
      for (const part of partsOfPlan(reduced(plan, this.#best))) {
        await this.#holds({ ...this.#best, leftOut: [...(this.#best.leftOut ?? []), part] })
      }
    }
    return { reduction: this.#best, result: await this.#run(this.#best, true), tries: this.#tries }
  }

  /** Half of them, a quarter of them, … one by one. */
  async #fewer(part: Part, all: readonly string[]): Promise<void> {
    let kept = all
    const least = part === 'faults' ? 0 : 1
    for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < kept.length && kept.length > least;) {
        const fewer = [...kept.slice(0, at), ...kept.slice(at + size)]
        if (fewer.length >= least && (await this.#holds({ ...this.#best, [part]: fewer }))) kept = fewer
        else at += size
      }
    }
  }

  async #holds(reduction: Reduction): Promise<boolean> {
    if (this.#isOver()) return false
    const { broken } = await this.#run(reduction)
    if (broken?.law !== this.#law) return false
    this.#best = reduction
    return true
  }

  #run(reduction: Reduction, keepTrace = false): Promise<Result> {
    this.#tries += 1
    return new Simulation(reduced(planOf(this.#seed), reduction), { ...this.#options, keepTrace }).run()
  }
}

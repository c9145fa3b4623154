import assert from 'node:assert/strict'
import type { RunId, StepDetail, WorkItem } from '../../contract/index.ts'
import type { MemoryTables, RunRow } from '../../memory/memory-tables.ts'
import type { Random } from '../random.ts'
import { outcomeOf, plainItems } from './side.ts'
import type { Side } from './side.ts'

/** A lease that both stores gave for the same ask; `id` finds each store's own numbers. */
export interface Hand {
  readonly id: string
  readonly runId: RunId
  readonly process: number
  turn: number
}

export interface Sides {
  readonly model: Side
  /** What the model keeps. */
  readonly tables: MemoryTables
  readonly subject: Side
}

/** The two stores, and what is known of both because they agreed so far. */
export class Pair {
  readonly random: Random
  readonly runIds: RunId[] = []
  readonly runHands: Hand[] = []
  /** Leases given back or lost: what is written with them must be refused. */
  readonly spentHands: Hand[] = []
  readonly stepHands: Hand[] = []
  readonly log: string[] = []
  readonly #model: Side
  readonly #subject: Side
  readonly #tables: MemoryTables
  #ids = 0

  constructor({ model, tables, subject }: Sides, random: Random) {
    this.#model = model
    this.#subject = subject
    this.#tables = tables
    this.random = random
  }

  freshId(prefix: string): string {
    this.#ids += 1
    return `${prefix}${this.#ids}`
  }

  /** Mostly a run that goes on. */
  async someRun(): Promise<RunId | undefined> {
    if (this.runIds.length === 0) return undefined
    const { reader } = this.#model.ports(0)
    const runs = await Promise.all(this.runIds.map((runId) => reader.getRun(runId)))
    const open = this.runIds.filter((_, i) => runs[i]?.endedAt === null)
    return this.random.pick(open.length > 0 && this.random.chance(0.9) ? open : this.runIds)
  }

  /** Ask both the same; their answers must agree. Answers what the model said. */
  async agree(what: string, ask: (side: Side) => Promise<unknown>): Promise<unknown> {
    this.log.push(what)
    const expected = await ask(this.#model)
    const actual = await ask(this.#subject)
    assert.deepEqual(actual, expected, `${this.#subject.name} disagrees with the model on: ${what}`)
    return expected
  }

  /** The same call, answers shaped by `plain` before they are compared. */
  call<T>(what: string, ask: (side: Side) => Promise<T>, plain: (answer: T, side: Side) => unknown): Promise<unknown> {
    return this.agree(what, (side) => outcomeOf(ask(side), (answer) => plain(answer, side)))
  }

  async advance(ms: number): Promise<void> {
    this.log.push(`advance ${ms} ms`)
    await Promise.all([this.#model.advance(ms), this.#subject.advance(ms)])
  }

  async compareViews(): Promise<void> {
    const [expected, actual] = await Promise.all([this.#model.view(this.runIds), this.#subject.view(this.runIds)])
    assert.deepEqual(actual, expected, `${this.#subject.name} shows another state than the model`)
  }

  steps(runId: RunId): Promise<readonly StepDetail[]> {
    return this.#model.ports(0).reader.listSteps(runId)
  }

  /** Runs that the engine suspended, for some code or over a limit. */
  async suspendedRuns(): Promise<readonly RunId[]> {
    const runs = await Promise.all(this.runIds.map((runId) => this.#model.ports(0).reader.getRun(runId)))
    return runs.flatMap((run) => (run?.reason === 'by the engine' ? run.runId : []))
  }

  /** Runs nobody is bound to ring now: those, and children of an ended parent. */
  async quietRuns(): Promise<ReadonlySet<RunId>> {
    const { reader } = this.#model.ports(0)
    const quiet = new Set(await this.suspendedRuns())
    for (const runId of this.runIds) {
      const run = await reader.getRun(runId)
      const parent = run?.parent?.onEnd === 'cancel' ? await reader.getRun(run.parent.runId) : null
      if (parent?.endedAt) quiet.add(runId)
    }
    return quiet
  }

  /** What a sweep must ring, by both or by neither. */
  async bound(): Promise<(items: readonly WorkItem[]) => readonly string[]> {
    const quiet = await this.quietRuns()
    return (items) => plainItems(items.filter(({ runId }) => !quiet.has(runId)))
  }

  /**
   * The same for the `wake` of an answer. A run that was rung without news of its own (by a yield, a timer or a sweep) and
   * that nobody has claimed since: whether news rings it once more is a matter of taste.
   */
  async boundWake(): Promise<(items: readonly WorkItem[]) => readonly string[]> {
    const quiet = await this.quietRuns()
    const rung = new Set(this.runIds.filter((runId) => isRungWithoutNews(this.#tables.runs.get(runId))))
    const isBound = ({ kind, runId }: WorkItem): boolean => !quiet.has(runId) && !(kind === 'run' && rung.has(runId))
    return (items) => plainItems(items.filter(isBound))
  }
}

function isRungWithoutNews(run: RunRow | undefined): boolean {
  return run !== undefined && run.rungAt !== null && run.wakeSeq === run.readWakeSeq
}

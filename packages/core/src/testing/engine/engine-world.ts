import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { StorePorts } from '../../contract/index.ts'
import { isEnded } from '../../domain/run-state.ts'
import { checkRunLaws, LawBook } from '../invariants.ts'
import type { EngineHarness, OpenEngine } from './engine-harness.ts'
import { Gate } from './gate.ts'
import { Ledger } from './ledger.ts'
import type { ProcessOptions } from './process-options.ts'
import { replayFinal } from './replay-final.ts'
import type { TestApp, Trace } from './test-app.ts'
import { TestProcess } from './test-process.ts'

/** One scenario's state, its processes, and what is checked when it is over. */
export class EngineWorld {
  readonly ledger = new Ledger()
  readonly traces = new Map<string, Trace[]>()
  readonly processes: TestProcess[] = []
  readonly #open: OpenEngine
  readonly #laws = new LawBook()
  readonly #apps = new Map<string, TestApp>()
  /** Something died, froze or was cut: there may be more side effects than attempts on record. */
  rough = false
  /** The engine may report trouble. */
  troubled = false
  /** Why this scenario is not played here. */
  leftOut: string | null = null

  constructor(open: OpenEngine) {
    this.#open = open
  }

  static async open(harness: EngineHarness): Promise<EngineWorld> {
    return new EngineWorld(await harness.open())
  }

  get mode(): OpenEngine['mode'] {
    return this.#open.mode
  }

  get queues(): OpenEngine['queues'] {
    return this.#open.queues
  }

  /** This scenario is not for this world: said where the tests are told of. */
  leaveOut(why: string): void {
    this.leftOut = why
  }

  /** Start a process that has this app. */
  async process(app: TestApp, options: ProcessOptions = {}): Promise<TestProcess> {
    const open = await this.#open.process()
    const gate = options.gate ?? new Gate()
    const wrapped = options.wrap ? options.wrap(open.ports) : open.ports
    const ports = gate.ports(this.#laws.watch(wrapped))
    const process = new TestProcess({ open, gate, ports, app, options, world: this })
    this.processes.push(process)
    await process.start()
    this.knows(app)
    return process
  }

  /** The code that the final replay of these workflows is checked with: else the one started last. */
  knows(app: TestApp): void {
    for (const name of Object.keys(app.workflows)) this.#apps.set(name, app)
  }

  /** Something died or is about to. */
  expectRoughness(): void {
    this.rough = true
    this.troubled = true
  }

  /** These runs, or every run of this world up to a number, held against the laws. */
  async check(runIds = this.#laws.runIds().slice(0, 40)): Promise<void> {
    const ports = (await this.#open.process()).ports
    for (const process of this.processes) process.assertNoLawBroken()
    if (!this.troubled) for (const process of this.processes) process.assertNoTrouble()
    for (const runId of runIds) await this.#checkRun(ports, runId)
    await ports.store.close()
  }

  async dispose(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.close()))
    await this.#open.dispose()
  }

  async #checkRun({ reader }: StorePorts, runId: string): Promise<void> {
    await checkRunLaws(reader, runId)
    const run = await reader.getRun(runId)
    if (!run) return
    const entered = this.ledger.entered(runId)
    const [steps, attempts] = await Promise.all([reader.listSteps(runId), reader.listAttempts(runId)])
    const calm = !this.rough && isEnded(run.status) && run.status !== 'cancelled'
    const app = this.#apps.get(run.workflow)
    if (!app?.bare) this.ledger.check(runId, { steps, attempts, entered }, calm)
    if (!app || (run.status !== 'completed' && run.status !== 'failed')) return
    const payloads = this.processes[0]?.payloads
    if (!payloads) return
    const replayed = await replayFinal({ run, steps, app, payloads })
    if (run.status === 'completed') {
      const { decision } = replayed
      if (decision.kind !== 'returned') assert.fail(`run ${runId} completed, its replay: ${JSON.stringify(decision)}`)
      const { output } = decision
      const recorded = await payloads.decode(run.output ?? '')
      assert.ok(isDeepStrictEqual(output, recorded), `run ${runId} replays to its output`)
    } else {
      const fits =
        replayed.decision.kind === 'threw' ||
        replayed.decision.kind === 'blocked' ||
        replayed.decision.kind === 'returned'
      assert.ok(fits, `run ${runId} failed; its replay ${replayed.decision.kind}`)
    }
    const live = this.traces.get(runId)?.findLast(({ ended }) => ended)
    if (live)
      assert.deepEqual(
        replayed.given,
        live.given,
        `run ${runId}: live and replay were given the same, in the same order`,
      )
  }
}

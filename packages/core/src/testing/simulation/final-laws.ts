import { AssertionError } from 'node:assert'
import { isDeepStrictEqual } from 'node:util'
import type { Run, StepDetail } from '../../contract/index.ts'
import { MAX_PAYLOAD_BYTES } from '../../domain/limits.ts'
import { isEnded } from '../../domain/run-state.ts'
import { Payloads } from '../../engine/payloads.ts'
import { memoryPorts, type MemoryTables } from '../../memory/index.ts'
import type { Registry } from '../../define/index.ts'
import { checkRunLaws } from '../invariants.ts'
import { replayFinal } from '../engine/replay-final.ts'
import type { Ledger } from '../engine/ledger.ts'
import type { TestApp, Trace } from '../engine/test-app.ts'
import type { Clients } from './client.ts'
import type { Plan, PlannedRun } from './plan.ts'
import { mayCancel, mayEnd, type Outcome } from './program.ts'
import { LawBroken } from './table-laws.ts'

const payloads = new Payloads(undefined, MAX_PAYLOAD_BYTES)

/** A simulation that has come to its end. */
interface Finished {
  readonly plan: Plan
  readonly tables: MemoryTables
  readonly ledger: Ledger
  /** What the bodies of each run were given. */
  readonly traces: ReadonlyMap<string, readonly Trace[]>
  readonly clients: Clients
  readonly apps: Readonly<Record<1 | 2, TestApp>>
  readonly registries: Readonly<Record<1 | 2, Registry>>
  /** The digest of the code that ended each run. */
  readonly endedBy: ReadonlyMap<string, string>
  /** The store's clock was moved back: instants in records may be in any order. */
  readonly storeWentBack: boolean
}

/** What must hold when everything has ended. @throws LawBroken */
export async function checkFinally(simulation: Finished): Promise<void> {
  const { reader } = memoryPorts(simulation.tables)
  for (const planned of simulation.plan.runs) {
    const { runId } = planned
    const run = await reader.getRun(runId)
    if (!run) throw new LawBroken('⑤ everything ends', `${runId} was never created`)
    try {
      if (!simulation.storeWentBack) await checkRunLaws(reader, runId)
      const [steps, attempts] = [await reader.listSteps(runId), await reader.listAttempts(runId)]
      simulation.ledger.check(runId, { steps, attempts, entered: simulation.ledger.entered(runId) }, false)
      if (!isEnded(run.status)) continue
      await assertEndsAsItShould(simulation, planned, run)
      await assertReplays(simulation, run, steps)
    } catch (error) {
      if (!(error instanceof AssertionError)) throw error
      throw new LawBroken(
        /entered/.test(error.message) ? '⑦ side effects match attempts' : 'the record of a run is sound',
        error.message,
      )
    }
  }
}

async function assertEndsAsItShould(simulation: Finished, planned: PlannedRun, run: Run): Promise<void> {
  const { programs, runId } = planned
  if (run.status === 'cancelled') {
    const asked = planned.cancelAtMs !== null || programs.some(mayCancel)
    if (!asked) throw new LawBroken('a run ends as it should', `${runId} was cancelled, and nobody asked for it`)
    return
  }
  const outcome = await outcomeOf(run)
  if (programs.some((program) => mayEnd(program, outcome))) return assertTold(simulation, run, outcome)
  throw new LawBroken('a run ends as it should', `${runId} ended as ${JSON.stringify(outcome)}`)
}

function assertTold(simulation: Finished, { runId }: Run, outcome: Outcome): void {
  const told = simulation.clients.told.get(runId)
  const expected = outcome.ok ? 'completed' : `Error: ${outcome.message}`
  if (told === expected || told?.endsWith(`: ${outcome.ok ? '' : outcome.message}`)) return
  throw new LawBroken('whoever waits is told how it ended', `${runId}: told ${told}, ended ${expected}`)
}

async function outcomeOf(run: Run): Promise<Outcome> {
  if (run.status === 'completed') return { ok: true, value: await payloads.decode(run.output ?? '') }
  const error = await payloads.decode(run.error ?? '')
  return { ok: false, message: error instanceof Error ? error.message : String(error) }
}

/** ⑥ and ⑩: the code that ended it, given its history, decides the same and gives its body the same in the same order. */
async function assertReplays(simulation: Finished, run: Run, steps: readonly StepDetail[]): Promise<void> {
  const { runId, status } = run
  const codeHash = simulation.endedBy.get(runId)
  if (status === 'cancelled' || codeHash === undefined) return
  const version = simulation.registries[1].workflow(run.workflow)?.codeHash === codeHash ? 1 : 2
  const { decision, given } = await replayFinal({ run, steps, app: simulation.apps[version], payloads })
  const law = '⑥ a history replays to its end'
  if (status === 'completed') {
    if (decision.kind !== 'returned')
      throw new LawBroken(law, `${runId} completed; its replay: ${JSON.stringify(decision)}`)
    const output = await payloads.decode(run.output ?? '')
    if (!isDeepStrictEqual(decision.output, output))
      throw new LawBroken(law, `${runId} gave ${JSON.stringify(output)}, its replay ${JSON.stringify(decision.output)}`)
  } else if (decision.kind === 'diverged') throw new LawBroken(law, `${runId} failed; its replay: ${decision.reason}`)
  const lives = simulation.traces.get(runId) ?? []
  // Whatever body of this run, also one that was superseded, had been given the beginning of it.
  const astray = lives.find(({ given: lived }) => !isBeginningOfSame(lived, given))
  const whole = lives.some(({ ended, given: lived }) => ended && lived.length === given.length)
  if (!astray && (whole || status !== 'completed')) return
  throw new LawBroken(
    '⑩ live and replay are given the same',
    `${runId}: live ${JSON.stringify((astray ?? lives.at(-1))?.given)}, replay ${JSON.stringify(given)}`,
  )
}

function isBeginningOfSame(one: readonly unknown[], other: readonly unknown[]): boolean {
  const common = Math.min(one.length, other.length)
  return isDeepStrictEqual(one.slice(0, common), other.slice(0, common))
}

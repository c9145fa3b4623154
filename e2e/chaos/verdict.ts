import type { Attempt, StepDetail } from '@pikku/core/contract'
import { checkRunLaws } from '@pikku/core/testing'
import { effectKey, type Ledger } from './ledger.ts'
import type { StartedRun } from './load.ts'
import type { Outcome } from './scenarios.ts'
import type { Records } from './server.ts'

/** What all runs came to. */
export interface Verdict {
  readonly violations: readonly string[]
  readonly endedByKind: Readonly<Record<string, number>>
  readonly steps: number
  readonly attempts: number
  readonly lost: number
  /** Of those, attempts whose worker died between its claim and the step's first line. */
  readonly lostBeforeEntry: number
}

const readAtOnce = 24
/** All API processes may be cut off or starting for so long. */
const untoldMs = 60_000

/** Reads every run and holds it against what was asked for, the ledger, and the laws. */
export async function judge(runs: Iterable<StartedRun>, records: Records, ledger: Ledger): Promise<Verdict> {
  const violations: string[] = []
  const endedByKind: Record<string, number> = {}
  const sums = { steps: 0, attempts: 0, lost: 0, lostBeforeEntry: 0 }
  const queue = [...runs]
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const started = next
      const complain = (what: string): void => void violations.push(`${started.runId}: ${what}`)
      const outcome = await read(started.runId, records)
      if (!outcome) {
        complain('is not in the store')
        continue
      }
      await checkRunLaws(records.reader, started.runId).catch((error: unknown) => complain(String(error)))
      const complaint = started.complaint(outcome)
      if (complaint) complain(complaint)
      checkTold(started, outcome, complain)
      checkSteps(outcome, complain)
      sums.lostBeforeEntry += checkEffects(outcome, ledger.of(started.runId), complain)
      sums.steps += outcome.steps.length
      sums.attempts += outcome.attempts.length
      sums.lost += outcome.attempts.filter((each) => each.outcome === 'lost').length
      const ending = `${started.kind}: ${outcome.run.status}`
      endedByKind[ending] = (endedByKind[ending] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: readAtOnce }, lane))
  return { violations, endedByKind, ...sums }
}

async function read(runId: string, { reader, getRun }: Records): Promise<Outcome | null> {
  const [run, steps, attempts] = await Promise.all([getRun(runId), reader.listSteps(runId), reader.listAttempts(runId)])
  return run && { run, steps, attempts }
}

/** Who waited was told what is on record. */
function checkTold({ told }: StartedRun, { run }: Outcome, complain: (what: string) => void): void {
  if (!told) return
  if ('nothingUntil' in told) {
    const ms = told.nothingUntil - Number(run.endedAt ?? Infinity)
    if (ms > untoldMs) complain(`who waited for it was told nothing for ${ms} ms after it had ended`)
    return
  }
  const isSame =
    'output' in told
      ? run.status === 'completed' && JSON.stringify(told.output) === JSON.stringify(run.output)
      : run.status !== 'completed' && told.error.message.includes(run.error?.message ?? '?')
  if (!isSame) complain(`who waited for it was told ${JSON.stringify(told)}; on record is ${run.status}`)
}

/** One result for each step. */
function checkSteps({ run, steps, attempts }: Outcome, complain: (what: string) => void): void {
  const succeeded = new Map<string, number>()
  for (const { step, outcome } of attempts) {
    if (outcome === 'succeeded') succeeded.set(keyOf(step), (succeeded.get(keyOf(step)) ?? 0) + 1)
  }
  for (const { id, kind, status } of steps) {
    const times = succeeded.get(keyOf(id)) ?? 0
    const wanted = status === 'succeeded' && (kind === 'rpc' || kind === 'inline') ? 1 : 0
    if (times !== wanted) complain(`step ${keyOf(id)}, ${status}, has ${times} attempts that succeeded`)
    const isOpen = status !== 'succeeded' && status !== 'failed'
    if (isOpen && (run.status === 'completed' || run.status === 'failed'))
      complain(`step ${keyOf(id)} is still ${status}`)
  }
}

/** Answers how many attempts were lost before they were entered. */
function checkEffects(
  { steps, attempts }: Outcome,
  entries: ReadonlyMap<string, number>,
  complain: (what: string) => void,
): number {
  const left = new Map(entries)
  let lostBeforeEntry = 0
  for (const step of steps.filter(({ kind }) => kind === 'rpc')) {
    const ended = new Map(attempts.filter(isOf(step)).map(({ attempt, outcome }) => [attempt, outcome]))
    for (let attempt = 1; attempt <= step.attempt; attempt++) {
      const key = effectKey('rpc', keyOf(step.id), attempt)
      const times = left.get(key) ?? 0
      left.delete(key)
      const outcome = ended.get(attempt) ?? 'open'
      const mayBeMissing = outcome === 'lost' || outcome === 'open'
      if (times > 1 || (times === 0 && !mayBeMissing)) complain(`${key}, ${outcome}, was entered ${times} times`)
      if (times === 0 && outcome === 'lost') lostBeforeEntry += 1
    }
  }
  const names = new Set(steps.filter(({ kind }) => kind === 'inline').map(({ id }) => id.name))
  for (const name of names) {
    const key = effectKey('inline', name, 0)
    const recorded = attempts.filter(({ kind, step }) => kind === 'inline' && step.name === name).length
    const times = left.get(key) ?? 0
    left.delete(key)
    if (times < recorded) complain(`${key} was entered ${times} times, and ${recorded} attempts are on record`)
  }
  // An inline step may have been executed and not recorded; an attempt of an RPC step is on record before it is entered.
  for (const key of left.keys()) if (key.startsWith('rpc')) complain(`${key} was entered, and is not on record`)
  return lostBeforeEntry
}

const isOf = (step: StepDetail) => (attempt: Attempt) => keyOf(attempt.step) === keyOf(step.id)
const keyOf = ({ name, ordinal }: { readonly name: string; readonly ordinal: number }): string => `${ordinal}:${name}`

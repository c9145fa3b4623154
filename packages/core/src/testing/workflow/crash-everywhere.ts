import { AssertionError } from 'node:assert'
import { isDeepStrictEqual } from 'node:util'
import type { RecordedError, WorkflowConfig } from '../../define/index.ts'
import { isSame, type Entry } from './run-record.ts'
import type { CrashReport, RepeatedStep, TestableWorkflow, TestOptions } from './types.ts'
import { WorkflowWorld, type AnyOptions, type AnyTestedRun } from './workflow-world.ts'
import type { OnWrite } from './writes.ts'

/** What happens at one write: the process dies before or after it, or lives on without its answer and asks again. */
const incidents = ['dies before', 'dies after', 'gets no answer to'] as const

interface Incident {
  /** Which write: 0 for the first. */
  readonly at: number
  readonly what: (typeof incidents)[number]
}

interface Played {
  readonly run: AnyTestedRun
  readonly entries: readonly Entry[]
  readonly writes: readonly string[]
}

/**
 * Runs a workflow once as it is, then again for every write of its process to the store: the process dies before the
 * write, dies after it without having its answer, or only loses the answer; what died is gone, and another process goes
 * on. Every time the run must end as it did the first time. Answers which steps' functions ran again because of that,
 * told apart by whether they took the `invocationId` that makes doing it again harmless.
 *
 * What depends on time (a race against a sleep, `workflow.now`) or on how often was tried may rightly end otherwise after a
 * death, which costs a second and an attempt: test it with longer limits, or by what it leads to.
 *
 * `options` as a function is called for each of these runs: for fakes that are to be empty at the start of each. The
 * number of runs is about ten times that of the steps.
 *
 * @throws AssertionError for a run that ended otherwise, naming the write; what `testWorkflow` throws
 * @example
 * const report = await crashEverywhere(onboarding, { input: { email: 'ada@example.com' }, services: { mailer } })
 * assert.deepEqual(report.doubled.map(({ step }) => step), ['Pick address'])
 */
export async function crashEverywhere<In, Out, Bag extends object, Rpcs, Workflows>(
  workflow: TestableWorkflow<In, Out, Bag, Rpcs, Workflows>,
  options:
    | TestOptions<NoInfer<In>, NoInfer<Bag>, NoInfer<Rpcs>>
    | (() => TestOptions<NoInfer<In>, NoInfer<Bag>, NoInfer<Rpcs>>),
): Promise<CrashReport<Out>> {
  const fresh = (): AnyOptions => (typeof options === 'function' ? options() : options) as AnyOptions
  const play = (incident: Incident | null): Promise<Played> => playOnce(workflow as WorkflowConfig, fresh(), incident)
  const undisturbed = await play(null)
  const { run, writes } = undisturbed
  const repeated = new Map<string, RepeatedStep & { keyed: boolean }>()
  for (const [at, write] of writes.entries()) {
    for (const what of incidents) {
      const incident = `${what} ${write}`
      const played = await play({ at, what })
      assertSameEnd(run, played.run, `write ${at + 1} of ${writes.length}: the process ${incident}`)
      for (const entry of repeatedIn(played, undisturbed)) note(repeated, entry, incident)
    }
  }
  const found = [...repeated.values()]
  const shown = (keyed: boolean): RepeatedStep[] =>
    found.filter((each) => each.keyed === keyed).map(({ keyed: _keyed, ...step }) => step)
  const { status, output, error } = run
  const runs = 1 + writes.length * incidents.length
  return { status, output: output as Out, error, runs, writes, doubled: shown(false), safe: shown(true) }
}

async function playOnce(workflow: WorkflowConfig, options: AnyOptions, incident: Incident | null): Promise<Played> {
  const writes: string[] = []
  const world = await WorkflowWorld.open(workflow, options, (opened) => disturbed(opened, incident, writes))
  const run = await world.play()
  return { run, entries: world.record.entries, writes }
}

/** Counts the writes until the one that something happens at. */
function disturbed(world: WorkflowWorld, incident: Incident | null, writes: string[]): OnWrite {
  return async (write, make) => {
    const isIt = writes.length === incident?.at
    if (incident === null || writes.length <= incident.at) writes.push(write)
    if (!isIt) return make()
    if (incident.what === 'dies before') return world.die()
    const answer = await make()
    if (incident.what === 'dies after') return world.die()
    // An adapter that gets no answer asks again by itself, and is answered the same.
    return (await make()) ?? answer
  }
}

function assertSameEnd(expected: AnyTestedRun, actual: AnyTestedRun, when: string): void {
  const [one, other] = [endOf(expected), endOf(actual)]
  if (isDeepStrictEqual(one, other)) return
  const message = `crashEverywhere: at ${when}; the run then ended as ${actual.status}, but not as it does undisturbed`
  throw new AssertionError({ message, expected: one, actual: other, operator: 'deepStrictEqual' })
}

function endOf({ status, output, error }: AnyTestedRun): object {
  const { name, message, code }: Partial<RecordedError> = error ?? {}
  return { status, output, error: error && { name, message, code } }
}

/** The first entry of each step that was entered more often than there are attempts on record. */
function repeatedIn(played: Played, undisturbed: Played): Entry[] {
  const firsts = played.entries.filter(({ id }, at) => played.entries.findIndex((one) => isSame(one.id, id)) === at)
  return firsts
    .filter(({ id }) => unrecorded(played, id) > unrecorded(undisturbed, id))
    .map((first) => ({ ...first, keyTaken: of(played.entries, first).every(({ keyTaken }) => keyTaken) }))
}

/** How often a step was entered for nothing. */
function unrecorded({ entries, run }: Played, id: Entry['id']): number {
  const recorded = run.history.filter(
    ({ stepName: name, ordinal, error }) => isSame(id, { name, ordinal }) && error?.code !== 'ATTEMPT_LOST',
  )
  return entries.filter((entry) => isSame(entry.id, id)).length - recorded.length
}

function of(entries: readonly Entry[], { id }: Entry): readonly Entry[] {
  return entries.filter((entry) => isSame(entry.id, id))
}

function note(found: Map<string, RepeatedStep & { keyed: boolean }>, entry: Entry, incident: string): void {
  const { id, kind, rpcName, keyTaken } = entry
  const key = JSON.stringify(id)
  const { when, keyed } = found.get(key) ?? { when: [], keyed: true }
  const step = { step: id.name, ordinal: id.ordinal, kind, rpcName }
  found.set(key, { ...step, when: [...when, incident], keyed: keyed && keyTaken })
}

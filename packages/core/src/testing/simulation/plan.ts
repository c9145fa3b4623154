import { seededRandom, type Random } from '../random.ts'
import { partsOf, ProgramMaker, without, type Node } from './program.ts'

/** A run to be started, and what becomes of it. */
export interface PlannedRun {
  readonly runId: string
  readonly workflow: string
  /** By version of the code: the second is the first where nobody changed it. */
  readonly programs: readonly [Node, Node]
  readonly startAtMs: number
  /** Cancelled from outside at this time. */
  readonly cancelAtMs: number | null
  /** Somebody presses "resume" at this time, whatever its state. */
  readonly resumeAtMs: number | null
}

type Role = 'everything' | 'orchestrator' | 'worker'

/** A process that is started anew whenever it has died. */
export interface PlannedProcess {
  readonly name: string
  readonly role: Role
  readonly version: 1 | 2
  readonly turns: number
  readonly steps: number
  readonly parkedRuns: number
}

type TimedKind =
  | 'kill'
  | 'freeze'
  | 'declared dead'
  | 'stop in good order'
  | 'other version'
  | 'clock of a process'
  | 'clock of the store'
  | 'store away'
  | 'connections lost'

/** Something that befalls a process or the store at a time. */
export interface TimedFault {
  readonly id: string
  readonly kind: TimedKind
  readonly atMs: number
  readonly process: string
  readonly ms: number
}

/** How often each kind of thing goes wrong; probabilities. */
interface Rates {
  readonly call: number
  readonly message: number
  readonly notice: number
  readonly step: number
}

/** Everything of a simulation that is decided before it begins. */
export interface Plan {
  readonly seed: number
  /** `inline`: no queue; every process runs what it starts or finds. */
  readonly mode: 'remote' | 'inline'
  readonly runs: readonly PlannedRun[]
  readonly processes: readonly PlannedProcess[]
  readonly faults: readonly TimedFault[]
  readonly rates: Rates
  /** From here on nothing goes wrong any more, and everything has to end. */
  readonly calmAtMs: number
  /** Of all faults, these alone happen; null: all. */
  readonly kept: ReadonlySet<string> | null
}

/** What a smaller version of a plan leaves out or keeps. */
export interface Reduction {
  readonly runs?: readonly string[]
  readonly processes?: readonly string[]
  readonly faults?: readonly string[]
  readonly leftOut?: readonly string[]
}

const timedKinds: readonly TimedKind[] = [
  'kill',
  'kill',
  'freeze',
  'freeze',
  'declared dead',
  'stop in good order',
  'clock of a process',
  'clock of the store',
  'store away',
  'connections lost',
]

export function planOf(seed: number): Plan {
  const random = seededRandom(seed ^ 0x51ed270b)
  const deploys = random.chance(0.3)
  const mode = random.chance(0.2) ? 'inline' : 'remote'
  const calmAtMs = 1_000 + random.below(random.chance(0.15) ? 80_000 : 10_000)
  const processes = planProcesses(random, mode)
  return {
    seed,
    mode,
    runs: Array.from({ length: 1 + random.below(3) }, (_, i) => planRun(random, { i, deploys, calmAtMs })),
    processes,
    faults: planFaults(random, { processes, calmAtMs, deploys }),
    rates: {
      call: random.pick([0, 0.01, 0.03, 0.08]),
      message: random.pick([0, 0, 0.1, 0.5]),
      notice: random.pick([0, 0, 0.2, 1]),
      step: random.pick([0, 0, 0.05, 0.2]),
    },
    calmAtMs,
    kept: null,
  }
}

export function reduced(plan: Plan, { runs, processes, faults, leftOut }: Reduction): Plan {
  const out = new Set(leftOut)
  return {
    ...plan,
    runs: plan.runs
      .filter(({ runId }) => !runs || runs.includes(runId))
      .map((run) => ({ ...run, programs: [without(run.programs[0], out), without(run.programs[1], out)] as const })),
    processes: plan.processes.filter(({ name }) => !processes || processes.includes(name)),
    kept: faults ? new Set(faults) : null,
  }
}

/** Every part of a body that may be left out. */
export function partsOfPlan(plan: Plan): string[] {
  return [...new Set(plan.runs.flatMap(({ programs }) => programs.flatMap(partsOf)))]
}

function planProcesses(random: Random, mode: Plan['mode']): PlannedProcess[] {
  const count = 1 + random.below(3)
  return Array.from({ length: count }, (_, i) => ({
    name: `p${i}`,
    // The first one can do everything: whatever else is there, all of it can be done.
    role: i === 0 || mode === 'inline' ? 'everything' : random.pick(['everything', 'orchestrator', 'worker'] as const),
    version: 1,
    turns: random.pick([1, 2, 100]),
    steps: random.pick([1, 2, 20]),
    parkedRuns: random.pick([0, 1, 2_000, 2_000]),
  }))
}

function planRun(random: Random, which: { i: number; deploys: boolean; calmAtMs: number }): PlannedRun {
  const { i, deploys, calmAtMs } = which
  const willChange = deploys && random.chance(0.6)
  const maker = new ProgramMaker(random, { prefix: `s${i}`, willChange })
  const program = maker.program()
  return {
    runId: `r${i}`,
    workflow: `w${i}`,
    programs: [program, willChange ? maker.changed(program) : program],
    startAtMs: random.chance(0.7) ? random.below(500) : random.below(calmAtMs),
    cancelAtMs: random.chance(0.08) ? random.below(calmAtMs) : null,
    resumeAtMs: random.chance(0.05) ? random.below(calmAtMs) : null,
  }
}

function planFaults(
  random: Random,
  where: { processes: readonly PlannedProcess[]; calmAtMs: number; deploys: boolean },
): TimedFault[] {
  const { processes, calmAtMs, deploys } = where
  const count = random.pick([0, 0, 2, 4, 8])
  const faults = Array.from({ length: count }, (_, i) => {
    const kind = random.pick(timedKinds)
    const process = random.pick(processes).name
    return { id: `t${i}`, kind, atMs: random.below(calmAtMs), process, ms: durationOf(kind, random) }
  })
  if (!deploys) return faults
  // One after the other, as a rolling deploy does; some go back.
  const from = random.below(calmAtMs)
  processes.forEach(({ name }, i) => {
    const change = { kind: 'other version', process: name, ms: random.pick([0, 200, 10_000]) } as const
    faults.push({ ...change, id: `d${i}`, atMs: Math.min(calmAtMs, from + i * random.below(3_000)) })
    if (random.chance(0.2)) faults.push({ ...change, id: `b${i}`, atMs: Math.min(calmAtMs, from + 5_000) })
  })
  return faults
}

function durationOf(kind: TimedKind, random: Random): number {
  const sign = random.chance(0.5) ? 1 : -1
  switch (kind) {
    case 'freeze':
      return random.pick([50, 2_000, 12_000, 25_000, 70_000])
    case 'declared dead':
      return random.pick([300, 1_500, 5_000, 60_000])
    case 'stop in good order':
      return random.pick([0, 200, 10_000])
    case 'clock of a process':
      return sign * random.pick([20, 5_000, 3_600_000])
    case 'clock of the store':
      // Leases last longer by as much as it goes back.
      return random.pick([20, 4_000, 15_000, 3_600_000, -20, -15_000])
    case 'store away':
      return random.pick([100, 3_000, 12_000])
    default:
      return random.below(2_000)
  }
}

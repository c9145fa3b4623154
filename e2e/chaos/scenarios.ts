import type { Attempt, StepDetail } from '@pikku/core/contract'
import type { WorkflowRun } from '@pikku/core'
import type { Random } from '@pikku/core/testing'

/** What a run came to, as it is on record. */
export interface Outcome {
  readonly run: WorkflowRun
  readonly steps: readonly StepDetail[]
  readonly attempts: readonly Attempt[]
}

export interface Planned {
  readonly kind: string
  readonly workflow: string
  readonly input: unknown
  /** Cancelled from outside after so long. */
  readonly cancelAfterMs?: number
  /** What is wrong with the outcome; null: it is as it has to be. */
  readonly complaint: (outcome: Outcome) => string | null
}

/** How long things take. A short run has less time for everything. */
export interface Pace {
  readonly longestNapMs: number
  readonly leaseMs: number
}

type Scenario = (random: Random, pace: Pace) => Planned

const between = (random: Random, least: number, most: number): number => least + random.below(most - least + 1)
const sumTo = (n: number): number => (n * (n + 1)) / 2

const scenarios: Readonly<Record<string, { readonly weight: number; readonly plan: Scenario }>> = {
  sequence: {
    weight: 20,
    plan: (random) => {
      const length = between(random, 2, 6)
      const input = { length, ms: random.pick([0, 0, 50, 300]), betweenMs: random.pick([0, 0, 20, 200]) }
      return completes('sequence', input, sumTo(length) + length)
    },
  },
  'fan-out': {
    weight: 12,
    plan: (random) => {
      const width = between(random, 3, 8)
      return completes('fan-out', { width, ms: random.pick([0, 20, 200]) }, 2 * sumTo(width))
    },
  },
  race: {
    weight: 12,
    plan: (random) => {
      const time = (): number => random.pick([0, 100, 300, 600, 1_500])
      const input = { hareMs: time(), tortoiseMs: time(), limitMs: random.pick([100, 500, 2_000]) }
      return { kind: 'race', workflow: 'chaos-race', input, complaint: winnerWasFirst }
    },
  },
  recover: {
    weight: 10,
    plan: (random) => {
      const failures = between(random, 1, 2)
      const planned = completes('recover', { failures }, ['recovered', 'recovered'])
      return { ...planned, complaint: (outcome) => planned.complaint(outcome) ?? failedAtMost(failures, outcome) }
    },
  },
  exhaust: { weight: 6, plan: (random) => exhausts(random.pick(['there', 'here'])) },
  nap: {
    weight: 30,
    plan: (random, { longestNapMs }) => completes('nap', { napMs: between(random, 200, longestNapMs) }, 3),
  },
  long: {
    weight: 8,
    plan: (random, { leaseMs }) => completes('long', { ms: between(random, 500, Math.floor(leaseMs * 0.7)) }, 3),
  },
  compute: {
    weight: 4,
    plan: (random, { leaseMs }) => {
      // Now and then for longer than a lease.
      const input = { ms: between(random, 50, 300), blockMs: random.chance(0.05) ? leaseMs + 1_000 : 200 }
      return completes('compute', input, input.ms + input.blockMs)
    },
  },
  endless: {
    weight: 5,
    plan: (random) => ({
      kind: 'endless',
      workflow: 'chaos-endless',
      input: undefined,
      cancelAfterMs: between(random, 1_000, 12_000),
      complaint: ({ run }) => (run.status === 'cancelled' && run.error?.message === 'enough' ? null : say(run)),
    }),
  },
  deployed: {
    weight: 12,
    plan: (random, { longestNapMs }) => ({
      kind: 'deployed',
      workflow: 'chaos-deployed',
      input: { napMs: between(random, 100, longestNapMs / 3) },
      complaint: oneVersionOrTheOther,
    }),
  },
}

export function planned(random: Random, pace: Pace): Planned {
  const all = Object.values(scenarios)
  let left = random.below(all.reduce((sum, { weight }) => sum + weight, 0))
  for (const { weight, plan } of all) {
    left -= weight
    if (left < 0) return plan(random, pace)
  }
  throw new Error('the weights do not add up')
}

/** A run that kills whoever executes its second step. */
export function poisoned(where: 'there' | 'here'): Planned {
  return {
    kind: where === 'there' ? 'poison, RPC' : 'poison, inline',
    workflow: 'chaos-poison',
    input: { where },
    complaint: ({ run, attempts }) => {
      const before = attempts.filter(({ outcome }) => outcome === 'succeeded')
      if (run.status !== 'suspended') return say(run)
      // Or none, where chaos met the run itself so often that it never got that far.
      return before.length <= 1 ? null : `${before.length} steps succeeded instead of the first one alone`
    },
  }
}

function completes(kind: string, input: unknown, output: unknown): Planned {
  const wanted = JSON.stringify(output)
  const complaint = ({ run }: Outcome): string | null =>
    run.status === 'completed' && JSON.stringify(run.output) === wanted ? null : `${say(run)} instead of ${wanted}`
  return { kind, workflow: `chaos-${kind}`, input, complaint }
}

function exhausts(where: 'there' | 'here'): Planned {
  return {
    kind: 'exhaust',
    workflow: 'chaos-exhaust',
    input: { where },
    complaint: ({ run, attempts }) => {
      const error = run.error as { message?: string; code?: string } | undefined
      if (run.status !== 'failed' || error?.message !== 'it never works' || error.code !== 'NEVER') return say(run)
      const failed = attempts.filter(({ outcome }) => outcome === 'failed').length
      return failed === 3 ? null : `${failed} attempts failed instead of 3`
    },
  }
}

function winnerWasFirst({ run, steps }: Outcome): string | null {
  const order = steps.toSorted((a, b) => (a.settledSeq ?? Infinity) - (b.settledSeq ?? Infinity))
  if (run.status !== 'completed' || steps.length !== 3) return say(run)
  const [first] = order
  return run.output === first?.id.name ? null : `'${String(run.output)}' won, but '${first?.id.name}' was settled first`
}

function failedAtMost(failures: number, { attempts }: Outcome): string | null {
  const failed = attempts.filter(({ outcome }) => outcome === 'failed').length
  return failed <= 2 * failures ? null : `${failed} attempts failed, which is more than ${2 * failures}`
}

function oneVersionOrTheOther({ run, steps }: Outcome): string | null {
  if (run.status !== 'completed') return say(run)
  const results = steps.filter(({ kind }) => kind === 'rpc').length
  const seen = run.output as unknown[]
  const fits = seen.length === results && seen.every((version) => version === 1 || version === 2)
  return fits ? null : `${JSON.stringify(seen)} of ${results} steps`
}

function say({ status, output, error }: WorkflowRun): string {
  return `${status}${output === undefined ? '' : ` with ${JSON.stringify(output)}`}${error ? `: ${error.message}` : ''}`
}

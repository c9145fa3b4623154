import type { Figures } from '../results.ts'
import type { Size } from '../sizes.ts'
import type { Turn } from '../stage.ts'
import { isOurs, type Group, type Row, type Workload } from '../workload.ts'
import { loadEndedRuns } from './ended-runs.ts'
import { oneLongRun } from './history.ts'
import { latencyOf } from './latency.ts'
import { warmUp, waves } from './waves.ts'

/** Every power of ten from the one to the other, and the other. */
export function powersOfTen(from: number, to: number): readonly number[] {
  const points: number[] = []
  for (let x = from; x < to; x *= 10) points.push(x)
  return [...points, to]
}

interface Curve {
  readonly group: Group
  readonly title: string
  readonly figure: Row['figure']
  readonly unit: string
  /** Default: less. */
  readonly better?: 'more'
  points(growth: Size['growth']): readonly number[]
  measure(turn: Turn, x: number, size: Size): Promise<Figures>
}

function curve({ group, title, figure, unit, better, points, measure }: Curve): Workload {
  return {
    group,
    rows: [{ name: group, title, figure, unit, better: better ?? 'less' }],
    takes: isOurs,
    repetitions: ({ growth }) => growth.repetitions,
    points: ({ growth }) => points(growth),
    measure: async (turn, size, x) => ({ [group]: [await measure(turn, x, size)] }),
  }
}

async function inlineMsPerStep(turn: Turn, size: Size, load: { runs: number; bytes: number }): Promise<Figures> {
  const { runs, bytes } = load
  const steps = 10
  const player = await turn.start('alone')
  const many = { work: 'inline', input: { n: steps, bytes }, times: runs, atOnce: runs } as const
  await warmUp(player, many, size.warmMs)
  const ms = await waves(player, many, size.leastMs)
  return { msPerStep: ms / (runs * steps) }
}

const steps = curve({
  group: 'growth-steps',
  title: 'steps of one run → ms per inline step',
  figure: 'msPerStep',
  unit: 'ms/step',
  points: (growth) => powersOfTen(10, growth.steps),
  measure: oneLongRun,
})

const runs = curve({
  group: 'growth-runs',
  title: 'runs at once → ms per inline step',
  figure: 'msPerStep',
  unit: 'ms/step',
  points: (growth) => powersOfTen(1, growth.runs),
  measure: (turn, x, size) => inlineMsPerStep(turn, size, { runs: x, bytes: 0 }),
})

const payload = curve({
  group: 'growth-payload',
  title: 'bytes of each result → ms per inline step, 20 runs at once',
  figure: 'msPerStep',
  unit: 'ms/step',
  points: (growth) => powersOfTen(100, growth.bytes),
  measure: (turn, x, size) => inlineMsPerStep(turn, size, { runs: 20, bytes: x }),
})

const workers = curve({
  group: 'growth-workers',
  title: 'worker processes → RPC steps per second',
  figure: 'stepsPerSecond',
  unit: 'steps/s',
  better: 'more',
  points: (growth) => Array.from({ length: growth.workers }, (_, i) => i + 1),
  measure: async (turn, x, size) => {
    for (let i = 0; i < x; i++) await turn.start('worker')
    const client = await turn.start('client')
    const many = { work: 'rpc', input: { n: size.steps }, times: size.runs, atOnce: size.runs } as const
    await warmUp(client, many, size.warmMs)
    const ms = await waves(client, many, size.leastMs)
    return { stepsPerSecond: (size.runs * size.steps * 1000) / ms }
  },
})

/** How many were brought into which place so far. */
const loaded = new WeakMap<object, Map<string, number>>()

async function bringUpTo(turn: Turn, wanted: number): Promise<void> {
  const byPlace = loaded.get(turn.stage) ?? new Map<string, number>()
  loaded.set(turn.stage, byPlace)
  const place = turn.database || turn.system.store
  const there = byPlace.get(place) ?? 0
  await loadEndedRuns(turn, there + 1, wanted - there)
  byPlace.set(place, Math.max(there, wanted))
}

const ended = curve({
  group: 'growth-ended',
  title: 'ended runs in the tables → p50 of start → done, one RPC step',
  figure: 'p50Ms',
  unit: 'ms',
  points: (growth) => [0, ...powersOfTen(100, growth.ended)],
  measure: async (turn, x, size) => {
    const client = await turn.startPair()
    await latencyOf(client, { ...size, latencyLimitMs: size.latencyLimitMs / 5 })
    await bringUpTo(turn, x)
    return latencyOf(client, size)
  },
})

export const growth: readonly Workload[] = [steps, runs, payload, workers, ended]

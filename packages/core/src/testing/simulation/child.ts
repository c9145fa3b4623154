// A process that does nothing but simulate: time and chance are replaced in all of it. Started by simulate.ts.
import { defects, withDefect } from './defects.ts'
import type { Figures, News, Order } from './messages.ts'
import { planOf, reduced, type Plan } from './plan.ts'
import { show } from './program.ts'
import { Shrinker } from './shrink.ts'
import { Simulation, type Result } from './simulation.ts'
import { virtualiseGlobals } from './virtual-globals.ts'

const seedsPerReport = 200
const shrinkForMs = 60_000

/** The one clock that is not replaced. */
const startedAt = process.hrtime.bigint()
const elapsedMs = (): number => Number(process.hrtime.bigint() - startedAt) / 1e6

function tell(news: News): void {
  process.stdout.write(`${JSON.stringify(news)}\n`)
}

async function run(order: Order & { kind: 'run' }): Promise<void> {
  const { from, stride, seeds, minutes, defect, hashes, first } = order
  let figures = noFigures()
  for (let i = 0; i < seeds && (minutes === null || elapsedMs() < minutes * 60_000); i += 1) {
    const seed = from + i * stride
    const result = await new Simulation(planOf(seed), { wrap: withDefect(defect) }).run()
    figures = added(figures, result)
    if (hashes) tell({ kind: 'hash', seed, hash: result.hash })
    if (result.broken) tell({ kind: 'broken', seed, ...result.broken })
    if (result.broken && first) break
    if (figures.seeds < seedsPerReport) continue
    tell(figures)
    figures = noFigures()
  }
  tell(figures)
}

async function trace({ seed, reduction, defect }: Order & { kind: 'trace' }): Promise<void> {
  const plan = reduced(planOf(seed), reduction)
  const { trace: lines, broken } = await new Simulation(plan, { keepTrace: true, wrap: withDefect(defect) }).run()
  tell({ kind: 'trace', seed, reduction, plan: describe(plan), lines: lines ?? [], broken })
}

async function shrink({ seed, defect }: Order & { kind: 'shrink' }): Promise<void> {
  const options = { wrap: withDefect(defect) }
  const { broken } = await new Simulation(planOf(seed), options).run()
  if (!broken) throw new Error(`seed ${seed} breaks no law`)
  const isOver = (): boolean => elapsedMs() > shrinkForMs
  const { reduction, result } = await new Shrinker(seed, broken.law, { options, isOver }).shrink()
  const plan = describe(reduced(planOf(seed), reduction))
  tell({ kind: 'trace', seed, reduction, plan, lines: result.trace ?? [], broken: result.broken })
}

function describe({ mode, runs, processes, rates, calmAtMs }: Plan): string[] {
  const told = runs.map(({ runId, programs: [first, second], startAtMs, cancelAtMs }) => {
    const after = second === first || show(first) === show(second) ? '' : `\n    version 2: ${show(second)}`
    return `${runId} at ${startAtMs} ms${cancelAtMs === null ? '' : `, cancelled at ${cancelAtMs} ms`}: ${show(first)}${after}`
  })
  const fleet = processes.map(
    (one) => `${one.name} ${one.role} (${one.turns} turns, ${one.steps} steps, ${one.parkedRuns} parked)`,
  )
  return [`${mode}; calm from ${calmAtMs} ms on; rates ${JSON.stringify(rates)}`, fleet.join(', '), ...told]
}

function noFigures(): Figures {
  return { kind: 'figures', seeds: 0, events: 0, steps: 0, runs: 0, virtualMs: 0, faults: {} }
}

function added(figures: Figures, result: Result): Figures {
  const faults = { ...figures.faults }
  for (const [kind, count] of result.faults) faults[kind] = (faults[kind] ?? 0) + count
  return {
    kind: 'figures',
    seeds: figures.seeds + 1,
    events: figures.events + result.events,
    steps: figures.steps + result.steps,
    runs: figures.runs + result.runs,
    virtualMs: figures.virtualMs + result.ms,
    faults,
  }
}

const order = JSON.parse(process.argv[2] ?? '') as Order
virtualiseGlobals()
// Nobody reads the stacks of errors that steps throw on purpose, and taking them is a good part of the work.
Error.stackTraceLimit = 0
if (order.defect !== undefined) defects[order.defect]?.engine?.()
if (order.kind === 'run') await run(order)
else if (order.kind === 'shrink') await shrink(order)
else await trace(order)

// `pnpm simulate`: many seeds in several processes; docs/proofs.md says what is drawn and what is checked.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import type { Figures, News, Order } from './messages.ts'
import type { Reduction } from './plan.ts'

const usage = `usage: pnpm simulate [--seeds N] [--from S] [--minutes M] [--processes P]
       pnpm simulate --replay S [--runs r0,r1] [--fleet p0,p1] [--faults c3,t1] [--left-out s0.3]

  --seeds N      how many seeds; default 10,000, or as many as fit into --minutes
  --from S       the first seed; default: one that is printed
  --minutes M    stop after so long
  --processes P  at once; default 1
  --replay S     one seed, with everything that happens; the others make it smaller, as a failed run printed them`

const defaultSeeds = 10_000
const shownBroken = 5

/** Starts a process that does this, and hands over what it tells. */
export async function simulate(order: Order, onNews: (news: News) => void): Promise<void> {
  const program = path.join(import.meta.dirname, 'child.ts')
  const child = spawn(process.execPath, [program, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const end = (): void => void child.kill()
  process.once('exit', end)
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  for await (const line of createInterface({ input: child.stdout })) onNews(JSON.parse(line) as News)
  const code = await ended
  process.off('exit', end)
  if (code !== 0) throw new Error(`a simulating process ended with ${code}`)
}

type Broken = News & { readonly kind: 'broken' }

/** What many seeds came to. */
class Tally {
  seeds = 0
  readonly broken: Broken[] = []
  readonly #sums = { events: 0, steps: 0, runs: 0, virtualMs: 0 }
  readonly #faults = new Map<string, number>()

  add(news: News): void {
    if (news.kind === 'broken') this.broken.push(news)
    if (news.kind === 'figures') this.#addFigures(news)
  }

  lines(seconds: number): string[] {
    const { events, steps, runs, virtualMs } = this.#sums
    const faults = [...this.#faults].sort(([a], [b]) => a.localeCompare(b))
    const total = faults.reduce((sum, [, count]) => sum + count, 0)
    return [
      `${grouped(this.seeds)} seeds in ${Math.round(seconds)} s: ${grouped(runs)} runs, ${grouped(steps)} steps settled, ${grouped(events)} happenings, ${grouped(Math.round(virtualMs / 3_600_000))} hours of virtual time`,
      `${grouped(total)} faults: ${faults.map(([kind, count]) => `${kind} ${grouped(count)}`).join(', ')}`,
      `${grouped(this.broken.length)} seeds broke a law`,
    ]
  }

  #addFigures({ seeds, faults, ...sums }: Figures): void {
    this.seeds += seeds
    for (const name of ['events', 'steps', 'runs', 'virtualMs'] as const) this.#sums[name] += sums[name]
    for (const [kind, count] of Object.entries(faults)) this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + count)
  }
}

interface Many {
  readonly from: number
  readonly seeds: number
  readonly minutes: number | null
  readonly processes: number
}

async function runMany({ from, seeds, minutes, processes }: Many): Promise<boolean> {
  const startedAt = performance.now()
  const tally = new Tally()
  console.log(`seeds from ${from} on`)
  const seconds = (): number => (performance.now() - startedAt) / 1_000
  const telling = setInterval(
    () => console.log(`… ${tally.lines(seconds())[0]}, ${tally.broken.length} broken`),
    30_000,
  )
  const lanes = Array.from({ length: processes }, (_, lane) =>
    simulate(
      {
        kind: 'run',
        from: from + lane,
        stride: processes,
        seeds: Math.floor((seeds - lane + processes - 1) / processes),
        minutes,
      },
      (news) => {
        tally.add(news)
        if (news.kind === 'broken') console.log(`✗ seed ${news.seed}: ${news.law}: ${news.how}`)
      },
    ),
  )
  await Promise.all(lanes).finally(() => clearInterval(telling))
  for (const { seed } of tally.broken.slice(0, shownBroken)) {
    await simulate({ kind: 'shrink', seed }, print)
  }
  for (const line of tally.lines(seconds())) console.log(line)
  return tally.broken.length === 0
}

function print(news: News): void {
  if (news.kind !== 'trace') return
  const { seed, reduction, plan, lines, broken } = news
  console.log([`— seed ${seed} —`, ...plan, '', ...lines, ''].join('\n'))
  console.log(broken ? `✗ ${broken.law}: ${broken.how}` : '✓ no law was broken')
  console.log(`again: ${replayCommand(seed, reduction)}`)
}

/** What shows this very trace once more. */
function replayCommand(seed: number, { runs, processes, faults, leftOut }: Reduction): string {
  const options = { runs, fleet: processes, faults, 'left-out': leftOut }
  const given = Object.entries(options).flatMap(([name, ids]) => (ids ? [`--${name} '${ids.join(',')}'`] : []))
  return ['pnpm simulate --replay', seed, ...given].join(' ')
}

function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

function whole(given: string, option: string): number {
  const value = Number(given)
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${option} takes a whole number, found '${given}'`)
  return value
}

function idsOf(given: string | undefined): readonly string[] | undefined {
  return given?.split(',').filter((id) => id !== '')
}

async function main(): Promise<boolean> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      ...{ seeds: text, from: text, minutes: text, processes: text, help: { type: 'boolean', short: 'h' } },
      ...{ replay: text, runs: text, fleet: text, faults: text, 'left-out': text },
    },
  })
  if (values.help) {
    console.log(usage)
    return true
  }
  const minutes = values.minutes === undefined ? null : whole(values.minutes, 'minutes')
  if (values.replay !== undefined) {
    const { runs, fleet, faults, 'left-out': leftOut } = values
    const kept = { runs: idsOf(runs), processes: idsOf(fleet), faults: idsOf(faults), leftOut: idsOf(leftOut) }
    const reduction = Object.fromEntries(Object.entries(kept).filter(([, ids]) => ids !== undefined)) as Reduction
    let fine = true
    await simulate({ kind: 'trace', seed: whole(values.replay, 'replay'), reduction }, (news) => {
      fine &&= news.kind !== 'trace' || news.broken === null
      print(news)
    })
    return fine
  }
  return runMany({
    from: values.from === undefined ? freshSeed() : whole(values.from, 'from'),
    seeds: values.seeds === undefined ? (minutes === null ? defaultSeeds : 2 ** 31) : whole(values.seeds, 'seeds'),
    minutes,
    processes: Math.max(1, whole(values.processes ?? '1', 'processes')),
  })
}

/** Another range at every start: seeds that nobody has tried yet. */
export function freshSeed(): number {
  return 1_000_000 + Math.floor(Math.random() * 2 ** 30)
}

if (import.meta.main) {
  main().then(
    (fine) => (process.exitCode = fine ? 0 : 1),
    (error: unknown) => {
      console.error(error instanceof Error ? error.message : error)
      console.error(usage)
      process.exitCode = 1
    },
  )
}

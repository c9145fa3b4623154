import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { crashPointCases, type Acts, type CrashPointScenario, type Ending } from './crash-point-scenarios.ts'
import type { EngineHarness } from './engine-harness.ts'
import { EngineWorld } from './engine-world.ts'
import { Gate } from './gate.ts'
import type { ScenarioGroup } from './scenario.ts'
import type { TestProcess } from './test-process.ts'
import { until } from './until.ts'

const timing = { leaseMs: 400, sweepMs: 40, redispatchAfterMs: 100, deathGraceMs: 40 }

/**
 * Where to die: before or after the n-th call of that name. Counted by name, because the order of calls of different
 * names is chance, and what happens as time goes by would move all other numbers.
 */
interface CrashPoint {
  readonly call: string
  readonly nth: number
  readonly when: 'before' | 'after'
}

/** How often these come depends on how long a play takes: their first ones are enough. */
const timeDriven = /^(store\.(sweep|renewLeases)|reader\.getRun)$/
const timeDrivenPoints = 2

/** A play mostly waits. */
const worldsAtOnce = 10
/** Plays that share a world one after the other, each with a run and processes of its own: opening one costs more than they do. */
const playsPerWorld = { least: 4, most: 12 }

/** One play, and what it came to. */
interface Play {
  readonly scenario: CrashPointScenario
  readonly runId: string
  readonly point: CrashPoint | null
}

interface Played {
  readonly calls: ReadonlyMap<string, number>
  readonly died: boolean
}

/** Stands before the ports of the process that dies, and counts. A death answers nothing and cleans nothing up. */
class Reaper {
  readonly gate = new Gate()
  readonly calls = new Map<string, number>()
  readonly #died = Promise.withResolvers<'died'>()
  readonly died = this.#died.promise

  constructor(world: EngineWorld, point: CrashPoint | null) {
    const die = (): Promise<never> => {
      this.#died.resolve('died')
      // It may be still on its way into the world.
      void world.processes.find(({ gate }) => gate === this.gate)?.vanish()
      return new Promise(() => undefined)
    }
    this.gate.fault = async (name, call) => {
      const nth = (this.calls.get(name) ?? 0) + 1
      this.calls.set(name, nth)
      const here = point?.call === name && point.nth === nth
      if (here && point.when === 'before') return die()
      const answer = await call()
      return here ? die() : answer
    }
  }
}

/** Plays a scenario once; what the dead one left is finished by an heir. */
async function play(world: EngineWorld, { scenario, runId, point }: Play): Promise<Played> {
  const acts = scenario.acts()
  await acts.before?.(world, runId)
  const reaper = new Reaper(world, point)
  let asked = false
  const live = async (): Promise<'lived'> => {
    const victim = await world.process(acts.app, { gate: reaper.gate, timing })
    await victim.startedOnly('order', 7, runId)
    await acts.asks?.(victim, runId)
    asked = true
    await until('the run is at rest', async () => atRest.has(await victim.status(runId)))
    await victim.close()
    return 'lived'
  }
  const died = (await Promise.race([reaper.died, live()])) === 'died'
  await finish(world, { scenario, runId, acts, asked })
  return { calls: reaper.calls, died }
}

const atRest: ReadonlySet<unknown> = new Set(['suspended', 'completed', 'failed', 'cancelled'])

interface Finish extends Omit<Play, 'point'> {
  readonly acts: Acts
  readonly asked: boolean
}

/** Whoever comes after, until the run has ended as it should. */
async function finish(world: EngineWorld, { scenario, runId, acts, asked }: Finish): Promise<void> {
  const heir = await world.process(acts.heir ?? acts.app, { timing })
  if ((await heir.status(runId)) === undefined) await heir.begin('order', 7, runId)
  if (!asked) await acts.asks?.(heir, runId)
  let last = heir
  if (acts.last) {
    await until('the run is at rest', async () => atRest.has(await heir.status(runId)))
    await heir.close()
    last = await world.process(acts.last, { timing })
  }
  const ended = await endingOf(last, runId)
  const ending = scenario.ends.find(({ by: _by, ...one }) => isDeepStrictEqual(one, ended))
  assert.ok(ending, `it ended ${JSON.stringify(ended)}`)
  if (scenario.attempts) assert.deepEqual(await attemptsOf(last, runId), scenario.attempts)
  world.knows(ending.by === 'heir' ? (acts.heir ?? acts.app) : acts.app)
  await world.check([runId])
  await last.close()
}

async function endingOf(process: TestProcess, runId: string): Promise<Ending> {
  const end = await process.end(runId)
  if (end.kind === 'completed') return end
  return { kind: end.kind, message: (await process.service.getRun(runId))?.error?.message ?? '' }
}

async function attemptsOf(process: TestProcess, runId: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { stepName, error } of await process.history(runId)) {
    if (error?.code !== 'ATTEMPT_LOST') counts[stepName] = (counts[stepName] ?? 0) + 1
  }
  return counts
}

/** Every point of a play that made these calls. */
function pointsOf(calls: ReadonlyMap<string, number>): CrashPoint[] {
  return [...calls].flatMap(([call, count]) => {
    const most = timeDriven.test(call) ? Math.min(count, timeDrivenPoints) : count
    const numbers = Array.from({ length: most }, (_, i) => i + 1)
    return numbers.flatMap((nth) => [
      { call, nth, when: 'before' as const },
      { call, nth, when: 'after' as const },
    ])
  })
}

/** What `forEachCrashPoint` came to. */
interface CrashPointTally {
  /** Of one play. */
  readonly points: number
  /** Plays in which a process died. In the others it was over before it came to its point: their run ended well all the same. */
  readonly deaths: number
  readonly plays: number
}

/**
 * Plays a scenario once to count the calls of its process to the store, the queue, the notices and the reader; then
 * again for each of them, in other worlds, with a death right before it and one right after it. Each time the run must
 * end as it should, obey the laws, agree with the ledger and replay to what it came to.
 */
async function forEachCrashPoint(
  harness: EngineHarness,
  scenario: CrashPointScenario,
  world: EngineWorld,
): Promise<CrashPointTally> {
  const calm = await play(world, { scenario, runId: 'nobody dies', point: null })
  const points = pointsOf(calm.calls)
  assert.ok(points.length >= 10, `the scenario has ${points.length} points`)
  const { everyCrashPoint: every = 1, crashPointWorlds: lanes = worldsAtOnce } = harness
  // Another share each time: what a thinned run leaves out, the next one may meet.
  const first = Math.floor(Math.random() * Math.min(every, points.length))
  const chosen = points.filter((_, i) => i % every === first)
  const size = Math.min(playsPerWorld.most, Math.max(playsPerWorld.least, Math.ceil(chosen.length / lanes)))
  const chunks = Array.from({ length: Math.ceil(chosen.length / size) }, (_, i) =>
    chosen.slice(i * size, (i + 1) * size),
  )
  let deaths = 0
  const lane = async (): Promise<void> => {
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
      const died = await playAll(harness, scenario, chunk)
      deaths += died
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return { points: points.length, deaths, plays: chosen.length }
}

/** One after the other in one world. Answers how many died. */
function playAll(harness: EngineHarness, scenario: CrashPointScenario, points: readonly CrashPoint[]): Promise<number> {
  return inWorld(harness, async (world) => {
    let deaths = 0
    for (const point of points) {
      const runId = `${point.when} ${point.call} ${point.nth}`
      try {
        const { died } = await play(world, { scenario, runId, point })
        if (died) deaths += 1
      } catch (error) {
        throw new Error(`died ${runId}`, { cause: error })
      }
    }
    return deaths
  })
}

async function inWorld<T>(harness: EngineHarness, use: (world: EngineWorld) => Promise<T>): Promise<T> {
  const world = await EngineWorld.open(harness)
  try {
    return await use(world)
  } finally {
    await world.dispose()
  }
}

/** Dies at every call of every case, once before and once after it. */
export function crashPointScenarios(harness: EngineHarness): ScenarioGroup {
  const atEach = async (title: string, scenario: CrashPointScenario, world: EngineWorld): Promise<void> => {
    if (scenario.remoteOnly && world.mode === 'inline')
      return world.leaveOut('in inline mode there are no workers for steps alone')
    const { points, plays, deaths } = await forEachCrashPoint(harness, scenario, world)
    console.info(`crash points, ${harness.name}, ${title}: ${deaths} deaths in ${plays} plays, of ${points} points`)
    assert.ok(deaths * 4 >= plays * 3 || plays < 8, 'nearly all of them died')
  }
  const cases = Object.entries(crashPointCases).map(
    ([title, scenario]) =>
      [
        `F8, F9, F11: dies before and after each call: ${title}`,
        (world: EngineWorld) => atEach(title, scenario, world),
      ] as const,
  )
  return { name: 'crash points', scenarios: Object.fromEntries(cases) }
}

import { appendFileSync, cpSync, mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { seededRandom } from '@pikku/core/testing'
import { Adversary } from './adversary.ts'
import { Calm, type Baseline } from './calm.ts'
import { Fleet } from './fleet.ts'
import { Ledger } from './ledger.ts'
import { Load } from './load.ts'
import { openPostgres } from './postgres-server.ts'
import { Recoveries } from './recovery.ts'
import { openRedis } from './redis-server.ts'
import { reportOf, type Report } from './report.ts'
import { poisoned } from './scenarios.ts'
import type { ChaosServer } from './server.ts'
import { SmallDisk } from './small-disk.ts'
import { judge } from './verdict.ts'
import { Versions } from './versions.ts'

export type StoreName = 'pg' | 'redis'

export interface BattleOptions {
  readonly store: StoreName
  readonly seed: number
  readonly minutes: number
}

/** What follows from how long it lasts. A short one has short leases, for several freezes to fit into it. */
function scaleOf(minutes: number) {
  const long = minutes >= 5
  return {
    long,
    leaseMs: long ? 10_000 : 2_000,
    graceMs: long ? 5_000 : 1_500,
    replayGraceMs: long ? 30_000 : 2_000,
    longestNapMs: long ? 120_000 : 4_000,
    inFlight: long ? 240 : 120,
    perSecond: long ? 8 : 10,
    sizes: { worker: long ? 5 : 4, api: 2 },
    warmUpMs: long ? 10_000 : 1_500,
  }
}

/** One store, one server, one fleet: everything is started, disturbed, let end, and judged. */
export async function battle(options: BattleOptions): Promise<Report> {
  const { store, seed } = options
  const folder = path.join('/var/tmp', `pikku-chaos-${store}-${seed}-${process.pid}`)
  for (const name of ['logs', 'ledger/marks', 'disk']) mkdirSync(path.join(folder, name), { recursive: true })
  const versions = new Versions()
  const disk = new SmallDisk(path.join(folder, 'disk'))
  // Where servers put their data.
  process.env['TMPDIR'] = disk.folder
  let server: ChaosServer | undefined
  let fleet: Fleet | undefined
  let report: Report | undefined
  const leaveNothing = (): void => {
    // One that is stopped would notice nothing.
    for (const slot of fleet?.slots ?? []) slot.signal('SIGKILL')
    disk.dispose()
    versions.dispose()
  }
  // Also when it is interrupted. The servers notice by themselves.
  process.once('exit', leaveNothing)
  try {
    server = await (store === 'pg' ? openPostgres(disk) : openRedis(disk))
    const { leaseMs, graceMs, replayGraceMs, sizes } = scaleOf(options.minutes)
    fleet = await Fleet.open({ server, versions, folder, leaseMs, graceMs, replayGraceMs }, sizes)
    report = await fight({ options, server, fleet, folder })
    return report
  } catch (error) {
    console.error(`chaos, ${store}, seed ${seed}: given up; logs and data are kept: ${folder}`)
    throw error
  } finally {
    await fleet?.close()
    const isKept = !report || report.violations.length > 0
    await server?.stop()
    if (server && isKept) cpSync(server.folder, path.join(folder, 'server'), { recursive: true })
    await server?.dispose()
    process.off('exit', leaveNothing)
    leaveNothing()
    if (!isKept) rmSync(folder, { recursive: true, force: true })
  }
}

interface Field {
  readonly options: BattleOptions
  readonly server: ChaosServer
  readonly fleet: Fleet
  readonly folder: string
}

async function fight({ options, server, fleet, folder }: Field): Promise<Report> {
  const { long, leaseMs, longestNapMs, inFlight, perSecond, warmUpMs } = scaleOf(options.minutes)
  const random = seededRandom(options.seed)
  const load = new Load({ fleet, server, random: seededRandom(random.below(2 ** 31)), pace: { longestNapMs, leaseMs } })
  const calm = new Calm({ fleet, server, load })
  const baseline = await warmUp(load, calm, { forMs: warmUpMs, leaseMs })

  const recoveries = new Recoveries(server, (runId) => load.started.get(runId)?.kind.startsWith('poison') ?? false)
  const log = (line: string): void =>
    appendFileSync(path.join(folder, 'faults.log'), `${new Date().toISOString()} ${line}\n`)
  const chance = seededRandom(random.below(2 ** 31))
  const adversary = new Adversary({ fleet, server, load, recoveries, leaseMs, long, log, random: chance })
  const watching = recoveries.run()
  const loading = load.run(inFlight, perSecond)
  const fighting = adversary.run()
  const durationMs = options.minutes * 60_000
  const startedAt = Date.now()
  await poisonUntil(load, startedAt + durationMs, long)
  adversary.stop()
  const foughtMs = Date.now() - startedAt
  await fighting
  load.stop()
  await loading
  const quiet = await calm.restore(baseline, longestNapMs)
  recoveries.stop()
  await watching

  const records = server.records()
  try {
    const ledger = new Ledger(path.join(folder, 'ledger'))
    const verdict = await judge(load.started.values(), records, ledger)
    return reportOf({
      options,
      server,
      fleet,
      folder,
      foughtMs,
      load,
      adversary,
      recoveries,
      quiet,
      ledger,
      verdict,
      leaseMs,
    })
  } finally {
    await records.close()
  }
}

/** Some load without faults, so that everything that is opened by need is open. */
async function warmUp(load: Load, calm: Calm, how: { forMs: number; leaseMs: number }): Promise<Baseline> {
  const loading = load.run(60, 20, { longestNapMs: 1_000, leaseMs: how.leaseMs })
  await delay(how.forMs)
  load.stop()
  await loading
  return calm.baseline()
}

/** Poison now and then, and none so late that it would not be found out in time. */
async function poisonUntil(load: Load, end: number, long: boolean): Promise<void> {
  const started = Date.now()
  const due = [{ where: 'there', everyMs: long ? 180_000 : Infinity, lastMs: 90_000, nextAt: started + 1_000 }] as {
    where: 'there' | 'here'
    everyMs: number
    lastMs: number
    nextAt: number
  }[]
  // From its second crash on a run is held back for longer each time: it takes four minutes to be suspended.
  if (long) due.push({ where: 'here', everyMs: 300_000, lastMs: 360_000, nextAt: started + 10_000 })
  while (Date.now() < end) {
    for (const each of due) {
      if (Date.now() < each.nextAt || (long && Date.now() > end - each.lastMs && each.nextAt > started + 10_000))
        continue
      each.nextAt += each.everyMs
      load.start(poisoned(each.where))
    }
    await delay(100)
  }
}

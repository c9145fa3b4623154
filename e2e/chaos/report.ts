import type { Adversary } from './adversary.ts'
import type { BattleOptions } from './battle.ts'
import type { Quiet } from './calm.ts'
import type { Ending, Fleet } from './fleet.ts'
import type { Ledger } from './ledger.ts'
import type { Load } from './load.ts'
import type { Blow, Recoveries, Recovery } from './recovery.ts'
import type { ChaosServer } from './server.ts'
import type { Verdict } from './verdict.ts'

export interface Report {
  readonly text: string
  readonly violations: readonly string[]
}

/** What a battle came to. */
export interface Result {
  readonly options: BattleOptions
  readonly server: Pick<ChaosServer, 'title' | 'noDisk' | 'timesFull'>
  readonly fleet: Pick<Fleet, 'endings'>
  readonly folder: string
  readonly foughtMs: number
  readonly load: Pick<Load, 'started' | 'most' | 'complaints'>
  readonly adversary: Pick<Adversary, 'strikes' | 'problems'>
  readonly recoveries: Pick<Recoveries, 'taken' | 'finishedByVictim' | 'stuck'>
  readonly quiet: Quiet
  readonly ledger: Pick<Ledger, 'rpc' | 'inline' | 'poison'>
  readonly verdict: Verdict
  readonly leaseMs: number
}

const shownViolations = 25

export function reportOf(result: Result): Report {
  const violations = violationsOf(result)
  const { options, server, foughtMs, load, ledger, verdict, quiet, leaseMs, folder } = result
  const minutes = (foughtMs / 60_000).toFixed(1)
  const kinds = Object.entries(verdict.endedByKind)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, count]) => `${kind} ${count}`)
  const lines = [
    `chaos: ${server.title}, seed ${options.seed}, ${minutes} minutes, leases of ${leaseMs} ms`,
    ...faultLines(result),
    `runs: ${load.started.size} started, up to ${load.most} in flight, ${verdict.steps} steps, ${verdict.attempts} attempts on record`,
    ...wrapped(kinds, '  '),
    `side effects: RPC ${ledger.rpc}, inline ${ledger.inline}; attempts lost with their worker: ${verdict.lost}, of them before the first line: ${verdict.lostBeforeEntry}`,
    ...processLines(result),
    `afterwards: ${quiet.leases} leases, ${quiet.activeMessages} active messages (left by killed processes, they expire), connections ${quiet.before.connections} before and ${quiet.after.connections} after; oldest process ${Math.round(quiet.oldestMs / 1000)} s`,
    ...recoveryLines(result.recoveries),
    violations.length === 0 ? 'no violation' : `${violations.length} VIOLATIONS`,
    ...violations.slice(0, shownViolations).map((each) => `  ${each}`),
  ]
  if (violations.length > 0) {
    const again = `node scripts/run.mjs chaos --minutes ${options.minutes} --seed ${options.seed} --store ${options.store}`
    lines.push(`kept, with logs, ledger and the server's data: ${folder}`, `again: ${again}`)
  }
  return { text: lines.join('\n'), violations }
}

function violationsOf({
  load,
  adversary,
  recoveries,
  quiet,
  verdict,
  fleet,
  ledger,
  foughtMs,
  server,
}: Result): string[] {
  const { strikes } = adversary
  const found = [
    ...verdict.violations,
    ...load.complaints,
    ...adversary.problems,
    ...recoveries.stuck,
    ...quiet.complaints,
  ]
  const hits = strikes.filter(({ hit }) => hit).length
  if (strikes.length < foughtMs / 2_000) found.push(`only ${strikes.length} faults in ${foughtMs} ms`)
  if (hits * 2 <= strikes.length) found.push(`only ${hits} of ${strikes.length} faults hit a run in flight`)
  const struck = strikes.filter(({ kind }) => kind === 'full disk').length
  if (struck > 0 && server.timesFull() === 0) found.push('the disk was never really full')
  found.push(...unexplained(fleet.endings(), ledger))
  return found
}

/** By poison. */
const isKilled = ({ asked, signal }: Ending): boolean => asked !== 'SIGKILL' && signal === 'SIGKILL'

/** A process ends when it is asked to, when a poisoned step kills it, or when it cannot start. */
function unexplained(endings: readonly Ending[], ledger: Result['ledger']): string[] {
  const told = ({ slot, pid, code, signal, log }: Ending): string =>
    `${slot} (pid ${pid}) ended with ${signal ?? code}: ${log}`
  // One that was just starting had not said yet what it does then.
  const asked = endings.filter(
    (each) => each.asked === 'SIGTERM' && each.wasReady && !isKilled(each) && each.code !== 0,
  )
  const byItself = endings.filter((each) => each.asked === null && each.wasReady && each.signal !== 'SIGKILL')
  const killed = endings.filter(isKilled)
  const found = [
    ...asked.map((each) => `after SIGTERM ${told(each)}`),
    ...byItself.map((each) => `unasked, ${told(each)}`),
  ]
  if (killed.length > ledger.poison)
    found.push(`${killed.length} processes were killed by poison, which was taken ${ledger.poison} times`)
  return found
}

function faultLines({ adversary: { strikes }, server, foughtMs }: Result): string[] {
  const byKind = new Map<string, { times: number; hits: number }>()
  for (const { kind, hit } of strikes) {
    const sum = byKind.get(kind) ?? { times: 0, hits: 0 }
    byKind.set(kind, { times: sum.times + 1, hits: sum.hits + Number(hit) })
  }
  const hits = strikes.filter(({ hit }) => hit).length
  const share = strikes.length === 0 ? 0 : Math.round((100 * hits) / strikes.length)
  const every = (foughtMs / 1000 / Math.max(1, strikes.length)).toFixed(2)
  const kinds = [...byKind]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, { times, hits: hit }]) => `${kind} ${times} (${hit})`)
  const disk = server.noDisk === null ? [] : [`  NOT DONE: full disk, because none can be mounted: ${server.noDisk}`]
  const full =
    server.noDisk === null ? [`  the server's log says ${server.timesFull()} times that the disk is full`] : []
  return [
    `faults: ${strikes.length}, one every ${every} s; ${hits} (${share} %) hit a run in flight. By kind (hits):`,
    ...wrapped(kinds, '  '),
    ...disk,
    ...full,
  ]
}

function processLines({ fleet, ledger, quiet }: Result): string[] {
  const endings = fleet.endings()
  const count = (which: (ending: Ending) => boolean): number => endings.filter(which).length
  const text = [
    `${count(({ asked }) => asked === 'SIGKILL')} killed`,
    `${count(({ asked }) => asked === 'SIGTERM')} replaced`,
    `${count(isKilled)} killed by poison (taken ${ledger.poison} times)`,
    `${count(({ asked, wasReady, signal }) => asked === null && !wasReady && signal === null)} starts failed because the server was away`,
    `${quiet.resumed.length} runs resumed that had lost ten attempts of a step`,
  ]
  return [`processes: ${text.join(', ')}`]
}

function recoveryLines({ taken, finishedByVictim }: Result['recoveries']): string[] {
  const rows: string[] = []
  for (const blow of ['SIGKILL', 'SIGSTOP', 'SIGTERM'] as const) {
    for (const what of ['run', 'step'] as const) {
      const all = taken.filter((each) => each.blow === blow && each.what === what)
      rows.push(row([blow, what, 'all'], all))
      rows.push(
        row(
          [blow, what, 'server up'],
          all.filter(({ undisturbed }) => undisturbed),
        ),
      )
    }
  }
  return [
    `recovery, from the signal until another process has taken it, in ms (${finishedByVictim} were still finished or given back by whoever was hit):`,
    `  ${'signal'.padEnd(9)}${'what'.padEnd(6)}${'which'.padEnd(11)}${['count', 'p50', 'p99', 'max'].map((head) => head.padStart(8)).join('')}`,
    ...rows,
  ]
}

function row([blow, what, which]: readonly [Blow, string, string], recoveries: readonly Recovery[]): string {
  const sorted = recoveries.map(({ ms }) => ms).sort((a, b) => a - b)
  const at = (share: number): string => {
    const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
    return value === undefined ? '-' : String(Math.round(value))
  }
  const cells = [String(sorted.length), at(0.5), at(0.99), at(1)]
  return `  ${blow.padEnd(9)}${what.padEnd(6)}${which.padEnd(11)}${cells.map((cell) => cell.padStart(8)).join('')}`
}

/** As many as fit on a line. */
function wrapped(parts: readonly string[], indent: string): string[] {
  const lines: string[] = []
  for (const part of parts) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + part.length < 118) lines[lines.length - 1] = `${last}, ${part}`
    else lines.push(`${indent}${part}`)
  }
  return lines
}

import type { Report, Result } from '../results.ts'
import { ratioOf, type Spread } from '../statistics.ts'
import type { SystemName } from '../systems.ts'
import type { Row, Target } from '../workload.ts'
import { digits, linesOf, spreadIn, storeTitles, systemTitles, tableRows, type Line } from './lines.ts'

const peers = ['dbos', 'openworkflow', 'absurd', 'restate'] as const

/** Ours, the targets, the floor and the peers, as a table of Markdown. */
export function resultTable(report: Report): string {
  const seen = peers.filter((peer) => report.results.some(({ system }) => system === peer))
  const head = ['workload', 'store', 'ours', 'target', 'floor', ...seen.map((peer) => systemTitles[peer])]
  const lines = linesOf(report, tableRows).map((line) => cellsOf(line, seen))
  return [markdownTable(head, lines), ...failuresOf(report)].join('\n\n')
}

/** Who failed at what, and why: each reason once. */
function failuresOf({ results }: Report): readonly string[] {
  const failed = results.flatMap(({ system, store, workload, failed: reason }) =>
    reason === undefined ? [] : [{ who: `${systemTitles[system]} (${storeTitles[store]}): ${reason}`, workload }],
  )
  if (failed.length === 0) return []
  const byReason = Map.groupBy(failed, ({ who }) => who)
  const lines = [...byReason].map(([who, all]) => `- ${who} [${all.map(({ workload }) => workload).join(', ')}]`)
  return [`Failed:\n\n${lines.join('\n')}`]
}

export function markdownTable(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...lines.map(line)].join('\n')
}

function cellsOf({ row, store, results }: Line, seen: readonly SystemName[]): readonly string[] {
  const of = (system: SystemName) => results.find((each) => each.system === system)
  const ours = of('pikku')
  const spread = ours ? spreadIn(row, ours) : null
  return [
    `${row.title} (${row.unit})`,
    storeTitles[store],
    ours ? figureCell(row, ours) : '–',
    targetCell(row, row.targets?.[store], { spread, of }),
    floorCell(row, of('floor'), spread),
    ...seen.map((peer) => peerCell(row, of(peer), spread)),
  ]
}

/** `median (min – max)`, or why not. */
function figureCell(row: Row, result: Result): string {
  if (result.failed !== undefined) return 'failed'
  const spread = spreadIn(row, result)
  if (!spread) return '–'
  const range = spread.isRange && result.repetitions > 1 ? ` (${digits(spread.min)} – ${digits(spread.max)})` : ''
  return `${digits(spread.median)}${range}`
}

function peerCell(row: Row, result: Result | undefined, ours: Spread | null): string {
  if (!result) return '–'
  const spread = spreadIn(row, result)
  const figure = figureCell(row, result)
  if (!spread || !ours) return figure
  const times = timesBetter(row, ours, spread)
  return `${figure}; ${times === null ? 'ranges cross' : `**${digits(times)} ×**`}`
}

function floorCell(row: Row, result: Result | undefined, ours: Spread | null): string {
  if (!result) return '–'
  const spread = spreadIn(row, result)
  if (!spread || !ours || spread.median <= 0) return figureCell(row, result)
  const share = row.better === 'more' ? ours.median / spread.median : spread.median / ours.median
  return `${figureCell(row, result)}; ours is at ${digits(share * 100)} %`
}

/** How many times better ours is; null where the ranges cross. */
function timesBetter({ better }: Row, ours: Spread, other: Spread): number | null {
  return better === 'more' ? ratioOf(ours, other) : ratioOf(other, ours)
}

interface Standing {
  readonly spread: Spread | null
  readonly of: (system: SystemName) => Result | undefined
}

function targetCell(row: Row, target: Target | undefined, { spread, of }: Standing): string {
  if (!target) return '–'
  const isMet =
    spread !== null && (row.better === 'more' ? spread.median >= target.limit : spread.median <= target.limit)
  const sign = row.better === 'more' ? '≥' : '≤'
  const parts = [`${sign} ${digits(target.limit)}${spread ? mark(isMet) : ''}`]
  for (const [system, times] of Object.entries(target.times ?? {}) as [SystemName, number][]) {
    const other = of(system)
    const otherSpread = other ? spreadIn(row, other) : null
    const found = spread && otherSpread ? timesBetter(row, spread, otherSpread) : null
    parts.push(`≥ ${times} × ${systemTitles[system]}${spread && otherSpread ? mark((found ?? 0) >= times) : ''}`)
  }
  return parts.join('; ')
}

function mark(isMet: boolean): string {
  return isMet ? ' ✓' : ' ✗'
}

import type { Report } from '../results.ts'
import { sizes } from '../sizes.ts'
import { fitExponent } from '../statistics.ts'
import { costRows, curveRows, digits, linesOf, spreadIn, storeTitles, systemTitles } from './lines.ts'
import { markdownTable, resultTable } from './table.ts'

/** All tables of a report that have a line, after a line that says where the figures come from. */
export function markdownOf(report: Report): string {
  const parts = [originOf(report), resultTable(report), costTable(report), curveTable(report)]
  return parts.filter((part) => part.split('\n').length !== 2).join('\n\n')
}

function originOf({ environment }: Report): string {
  const { date, commit, cpu, cores, memoryGb, os, node, postgres, postgresSettings, redis, size, minutes } = environment
  const set = Object.entries(postgresSettings ?? {}).map(([name, value]) => `${name} ${value}`)
  const servers = [
    ...(postgres ? [`PostgreSQL ${postgres} (${set.join(', ')}; the rest as it comes)`] : []),
    ...(redis ? [`Redis ${redis} (append-only file, appendfsync everysec)`] : []),
  ]
  const quiet = environment.loadBefore > cores ? ` **The machine was not quiet** (load ${environment.loadBefore}).` : ''
  const aside = size === 'full' ? '' : ` Size “${size}”: not the figures of the targets.`
  const { runs, steps, history, longHistory, fanout, sleeping, aged } = sizes[size]
  const amounts = `${runs} runs × ${steps} steps; long runs of ${digits(history)} and ${digits(longHistory)} steps; ${fanout} parallel steps; ${digits(sleeping)} sleeping and ${digits(aged)} ended runs`
  return [
    `${date.slice(0, 10)}, commit ${commit}; ${cores} × ${cpu}, ${memoryGb} GB, ${os}, Node ${node}; ${servers.join('; ')}. Everything on this one machine. Took ${minutes} minutes.${quiet}${aside}`,
    `Amounts: ${amounts}. Medians, and in brackets the smallest and the largest of the repetitions.`,
  ].join('\n\n')
}

/** What a step costs, besides time. */
function costTable(report: Report): string {
  const units = [...new Set(costRows.map(({ unit }) => unit))]
  const byUnit = (unit: string) =>
    linesOf(
      report,
      costRows.filter((row) => row.unit === unit),
    )
  const lines = new Map<string, string[]>()
  for (const [column, unit] of units.entries()) {
    for (const { row, store, results } of byUnit(unit)) {
      for (const result of results) {
        const key = [row.title, storeTitles[store], systemTitles[result.system]].join('|')
        const cells = lines.get(key) ?? [...key.split('|'), ...units.map(() => '–')]
        const spread = spreadIn(row, result)
        cells[3 + column] = result.failed === undefined ? (spread ? digits(spread.median) : '–') : 'failed'
        lines.set(key, cells)
      }
    }
  }
  return markdownTable(['cost of', 'store', 'system', ...units], [...lines.values()])
}

/** The curves, each with the exponent of the power that fits it best. */
function curveTable(report: Report): string {
  const lines = linesOf(report, curveRows).flatMap(({ row, store, results }) => {
    const points = results.flatMap((result) => {
      const spread = spreadIn(row, result)
      return spread && result.x !== undefined ? [[result.x, spread.median] as const] : []
    })
    if (points.length < 2) return []
    const shown = points.map(([x, y]) => `${digits(x)}: ${digits(y)}`).join(', ')
    return [[row.title, storeTitles[store], shown, fitExponent(points)?.toFixed(2) ?? '–']]
  })
  return markdownTable(['curve', 'store', 'points', 'exponent'], lines)
}

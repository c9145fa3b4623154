import type { Report, Result } from '../results.ts'
import type { Row } from '../workload.ts'
import { linesOf, spreadIn, storeTitles, systemTitles } from './lines.ts'

/** A picture, as Vega-Lite describes one: plain data. */
export type Chart = Readonly<Record<string, unknown>>

interface Point {
  readonly system: string
  readonly store: string
  readonly x: number
  readonly median: number
  readonly min: number
  readonly max: number
}

/** From there on a linear axis would hide the smallest. */
const wideRatio = 30

/** One workload's picture: everybody's median with its range, or the curve. Null where there is nothing to draw. */
export function chartOf(report: Report, row: Row): Chart | null {
  const points = linesOf(report, [row]).flatMap(({ store, results }) =>
    results.flatMap((result) => pointOf(row, result, storeTitles[store])),
  )
  if (points.length === 0) return null
  const repetitions = Math.max(
    ...report.results.filter(({ workload }) => workload === row.name).map((r) => r.repetitions),
  )
  const title = {
    text: row.title,
    subtitle: `n = ${repetitions}: median, smallest and largest; ${report.environment.date.slice(0, 10)}, ${report.environment.cores} cores`,
    anchor: 'start',
  }
  const base = { $schema: 'https://vega.github.io/schema/vega-lite/v6.json', title, data: { values: points } }
  const isCurve = row.name.startsWith('growth-')
  return isCurve ? { ...base, ...curveOf(row, points) } : { ...base, ...comparisonOf(row, points) }
}

function pointOf(row: Row, result: Result, store: string): readonly Point[] {
  const spread = spreadIn(row, result)
  if (!spread) return []
  const { median, min, max } = spread
  return [{ system: systemTitles[result.system], store, x: result.x ?? 0, median, min, max }]
}

function scaleOf(values: readonly number[]): Chart {
  const least = Math.min(...values)
  return least > 0 && Math.max(...values) / least > wideRatio ? { type: 'log' } : { type: 'linear', zero: true }
}

function comparisonOf(row: Row, points: readonly Point[]): Chart {
  const scale = scaleOf(points.flatMap(({ min, max }) => [min, max]))
  const value = (field: string) => ({ field, type: 'quantitative', title: row.unit, scale })
  const y = { field: 'system', type: 'nominal', title: null, sort: Object.values(systemTitles) }
  const color = { field: 'system', type: 'nominal', legend: null, sort: Object.values(systemTitles) }
  const stores = [...new Set(points.map(({ store }) => store))]
  return {
    vconcat: stores.map((store) => ({
      title: { text: store, fontSize: 11 },
      transform: [{ filter: { field: 'store', equal: store } }],
      width: 460,
      height: { step: 26 },
      encoding: { y },
      layer: [
        { mark: { type: 'rule', strokeWidth: 2 }, encoding: { x: value('min'), x2: { field: 'max' }, color } },
        { mark: { type: 'point', filled: true, size: 70 }, encoding: { x: value('median'), color } },
        {
          mark: { type: 'text', dy: -10, fontSize: 10 },
          encoding: { x: value('median'), text: { field: 'median', type: 'quantitative', format: ',.3~r' } },
        },
      ],
    })),
  }
}

function curveOf(row: Row, all: readonly Point[]): Chart {
  // A logarithmic axis has no 0.
  const points = all.map((point) => ({ ...point, x: point.x === 0 ? 1 : point.x }))
  const isLog = Math.max(...points.map(({ x }) => x)) > wideRatio
  const [what = '', of = row.unit] = row.title.split(' → ')
  const x = { field: 'x', type: 'quantitative', title: what, scale: { type: isLog ? 'log' : 'linear' } }
  const scale = isLog ? { type: 'log' } : { type: 'linear', zero: true }
  const y = (field: string) => ({ field, type: 'quantitative', title: of, scale })
  const color = { field: 'store', type: 'nominal', title: null }
  return {
    data: { values: points },
    width: 460,
    height: 260,
    encoding: { x, color },
    layer: [
      { mark: { type: 'line', point: true }, encoding: { y: y('median') } },
      { mark: 'rule', encoding: { y: y('min'), y2: { field: 'max' } } },
    ],
  }
}

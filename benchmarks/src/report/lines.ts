import type { Report, Result } from '../results.ts'
import type { Spread } from '../statistics.ts'
import type { Store } from '../systems.ts'
import type { Row } from '../workload.ts'
import { workloads } from '../workloads/index.ts'

export const systemTitles: Readonly<Record<Result['system'], string>> = {
  pikku: 'ours',
  floor: 'floor',
  dbos: 'DBOS',
  openworkflow: 'OpenWorkflow',
  absurd: 'Absurd',
  restate: 'Restate',
}

export const storeTitles: Readonly<Record<Store, string>> = { pg: 'PostgreSQL', redis: 'Redis' }

/** One row on one store, with everybody's result. */
export interface Line {
  readonly row: Row
  readonly store: Store
  readonly results: readonly Result[]
}

const rowsOf = (isWanted: (name: string) => boolean): readonly Row[] =>
  workloads.flatMap(({ rows }) => rows).filter(({ name }) => isWanted(name))

const isCurve = (name: string) => name.startsWith('growth-')
const isCost = (name: string) => name.startsWith('cost-')

export const tableRows = rowsOf((name) => !isCurve(name) && !isCost(name))
export const costRows = rowsOf(isCost)
export const curveRows = rowsOf(isCurve)

/** The lines of these rows that something was measured for, store by store. */
export function linesOf({ results }: Report, rows: readonly Row[]): readonly Line[] {
  return rows.flatMap((row) =>
    (['pg', 'redis'] as const).flatMap((store): Line[] => {
      const found = results.filter((each) => each.workload === row.name && each.store === store)
      return found.length === 0 ? [] : [{ row, store, results: found }]
    }),
  )
}

/** In the row's unit; null where there is no figure. Only the first row of a name has a range. */
export function spreadIn(row: Row, result: Result): (Spread & { isRange: boolean }) | null {
  const median = result[row.figure]
  if (median === undefined) return null
  const scale = row.scale ?? 1
  const isMain = workloads.flatMap(({ rows }) => rows).find(({ name }) => name === row.name)?.figure === row.figure
  const { min, max } = result
  if (!isMain || min === undefined || max === undefined) {
    return { median: median * scale, min: median * scale, max: median * scale, isRange: false }
  }
  return { median: median * scale, min: min * scale, max: max * scale, isRange: true }
}

/** Three digits that say something; thousands with commas. */
export function digits(value: number): string {
  const size = Math.abs(value)
  if (size >= 100) return Math.round(value).toLocaleString('en-US')
  const places = size >= 10 ? 1 : size >= 1 ? 2 : 3
  return String(Number(value.toFixed(places)))
}

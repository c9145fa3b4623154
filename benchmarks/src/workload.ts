import type { Figure, Figures } from './results.ts'
import type { Size } from './sizes.ts'
import type { Turn } from './stage.ts'
import type { Store, System, SystemName } from './systems.ts'

/** What `--only` takes. */
export const groups = [
  'inline',
  'rpc',
  'history',
  'fanout',
  'latency',
  'sleep',
  'recovery',
  'idle',
  'sleeping',
  'aged',
  'replay',
  'cost',
  'growth-steps',
  'growth-runs',
  'growth-payload',
  'growth-workers',
  'growth-ended',
  'growth-partitions',
] as const
export type Group = (typeof groups)[number]

/** What has to be reached, on the store it is asked of. */
export interface Target {
  /** At least so much, or at most where less is better. */
  readonly limit: number
  /** At least so many times as good as these. */
  readonly times?: Readonly<Partial<Record<SystemName, number>>>
}

/** One line of the table. The first line of a name has the figure that repetitions are compared by. */
export interface Row {
  readonly name: string
  readonly title: string
  readonly figure: Figure
  readonly unit: string
  readonly better: 'more' | 'less'
  /** What the figure is multiplied with to be in that unit. Default 1. */
  readonly scale?: number
  readonly targets?: Readonly<Partial<Record<Store, Target>>>
}

/** What one turn came to: the figures of each of its rows, once or (where it repeats itself within a turn) several times. */
type Measured = Readonly<Record<string, readonly Figures[]>>

export interface Workload {
  readonly group: Group
  readonly rows: readonly Row[]
  takes(system: System): boolean
  /** Default: as the size says. */
  repetitions?(size: Size, system: System): number
  /** The points of a curve. Default: none, one figure. */
  points?(size: Size): readonly number[]
  measure(turn: Turn, size: Size, x: number): Promise<Measured>
}

export const isOurs = ({ name }: System): boolean => name === 'pikku'

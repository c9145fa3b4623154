import type { Reduction } from './plan.ts'

/** What a child process is to do: its one argument, as JSON. */
export type Order =
  /** Seeds `from`, `from + stride`, …, until `seeds` of them or the time are over. */
  | {
      readonly kind: 'run'
      readonly from: number
      readonly stride: number
      readonly seeds: number
      readonly minutes: number | null
      readonly defect?: string
      /** Tell the hash of every seed. */
      readonly hashes?: boolean
      /** Stop at the first broken law. */
      readonly first?: boolean
    }
  | { readonly kind: 'shrink'; readonly seed: number; readonly defect?: string }
  | { readonly kind: 'trace'; readonly seed: number; readonly reduction: Reduction; readonly defect?: string }

/** What it tells, one line of JSON each. */
export type News =
  | Figures
  | { readonly kind: 'hash'; readonly seed: number; readonly hash: string }
  | { readonly kind: 'broken'; readonly seed: number; readonly law: string; readonly how: string }
  | {
      readonly kind: 'trace'
      readonly seed: number
      readonly reduction: Reduction
      readonly plan: readonly string[]
      readonly lines: readonly string[]
      readonly broken: { readonly law: string; readonly how: string } | null
    }

/** Since the last time it told them. */
export interface Figures {
  readonly kind: 'figures'
  readonly seeds: number
  readonly events: number
  readonly steps: number
  readonly runs: number
  readonly virtualMs: number
  readonly faults: Readonly<Record<string, number>>
}

import type { StepId } from '../contract/records.ts'
import { quote } from './describe.ts'

/** A map key: different for different ids. For maps inside one process only; it is never parsed and never stored. */
export function stepKey(id: StepId): string {
  // The ordinal holds no colon, so the first colon ends it whatever the name contains.
  return `${id.ordinal}:${id.name}`
}

/** For humans: `'Charge card'`, or `'Charge card' (3rd use)` where a name repeats. */
export function describeStep(id: StepId): string {
  return id.ordinal === 0 ? quote(id.name) : `${quote(id.name)} (${nth(id.ordinal + 1)} use)`
}

/** Orders by name (code units, the same on every machine), then by ordinal. */
export function compareStepIds(a: StepId, b: StepId): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1
  return a.ordinal - b.ordinal
}

function nth(n: number): string {
  const tens = n % 100
  const suffix = tens >= 11 && tens <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')
  return `${n}${suffix}`
}

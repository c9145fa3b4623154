/** The middle of several repetitions, and how far they lie apart. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** @throws RangeError for no value at all */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = sort(values)
  const middle = Math.floor(sorted.length / 2)
  const upper = at(sorted, middle)
  const median = sorted.length % 2 === 1 ? upper : (at(sorted, middle - 1) + upper) / 2
  return { median, min: at(sorted, 0), max: at(sorted, sorted.length - 1) }
}

/** The smallest value that at least this share of the values does not exceed: `percentile(values, 0.99)`. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = sort(values)
  return at(sorted, Math.max(0, Math.ceil(share * sorted.length) - 1))
}

/** Whether some value of the one could have been one of the other: then nothing is said about which is larger. */
export function rangesCross(a: Spread, b: Spread): boolean {
  return a.min <= b.max && b.min <= a.max
}

/** How often `b` is in `a`; null where the ranges cross, or where nothing can be said. */
export function ratioOf(a: Spread, b: Spread): number | null {
  return rangesCross(a, b) || b.median === 0 ? null : a.median / b.median
}

/**
 * The exponent `e` of `y = c · x^e` that fits best (least squares of the logarithms): 1 is linear, 0 flat, 2 quadratic.
 * Points at 0 say nothing about a power and are left out; null when fewer than two different x are left.
 */
export function fitExponent(points: readonly (readonly [x: number, y: number])[]): number | null {
  const logs = points.filter(([x, y]) => x > 0 && y > 0).map(([x, y]) => [Math.log(x), Math.log(y)] as const)
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const meanX = mean(logs.map(([x]) => x))
  const meanY = mean(logs.map(([, y]) => y))
  const variance = logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  if (!(variance > 0)) return null
  return logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / variance
}

function sort(values: readonly number[]): readonly number[] {
  if (values.length === 0) throw new RangeError('there is no value')
  return values.toSorted((a, b) => a - b)
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? Number.NaN
}

/** A seeded source of chance: the same seed, the same numbers. */
export interface Random {
  /** What it was made with. */
  readonly seed: number
  /** From 0 up to, not including, 1. */
  next(): number
  /** A whole number from 0 up to, not including, `below`. */
  below(below: number): number
  /** True this often, from 0 to 1. */
  chance(probability: number): boolean
  /** One of them. There must be one. */
  pick<T>(from: readonly T[]): T
  /** The same items in another order, in a new array. */
  shuffle<T>(items: readonly T[]): T[]
}

/** Mulberry32. Print the seed when a test fails: with it the same sequence can be had again. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  const pick = <T>(from: readonly T[]): T => {
    const item = from[below(from.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }
  const shuffle = <T>(items: readonly T[]): T[] =>
    items
      .map((item) => ({ item, at: next() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item)
  return { seed, next, below, chance: (probability) => next() < probability, pick, shuffle }
}

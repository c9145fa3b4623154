/**
 * The order of one repetition: everybody once, beginning with another one each time, so that nobody always follows the
 * same one, nor always comes first.
 */
export function rotated<T>(items: readonly T[], repetition: number): readonly T[] {
  const start = items.length === 0 ? 0 : repetition % items.length
  const turned = [...items.slice(start), ...items.slice(0, start)]
  return repetition % 2 === 1 ? turned.toReversed() : turned
}

const mostShown = 3

/**
 * The candidates that `name` may have been meant as, best first: a few letters away, or the same but for case and
 * punctuation. At most three.
 */
export function nearest(name: string, candidates: Iterable<string>): string[] {
  const wanted = bare(name)
  const allowed = Math.max(1, Math.floor(wanted.length / 3))
  return [...new Set(candidates)]
    .map((candidate) => ({ candidate, distance: editDistance(wanted, bare(candidate)) }))
    .filter(({ distance }) => distance <= allowed)
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, mostShown)
    .map(({ candidate }) => candidate)
}

function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_.:/-]/g, '')
}

/** Levenshtein distance, a row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

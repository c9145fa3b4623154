import leven from 'leven'
import { byCodePoint } from './order.ts'

/** The candidates that `name` may have been meant as, best first, at most three. */
function nearest(name: string, candidates: Iterable<string>): string[] {
  const wanted = name.toLowerCase()
  const allowed = Math.max(1, Math.floor(wanted.length / 3))
  return [...candidates]
    .map((candidate) => ({ candidate, distance: leven(wanted, candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= allowed)
    .sort((a, b) => a.distance - b.distance || byCodePoint(a.candidate, b.candidate))
    .slice(0, 3)
    .map(({ candidate }) => candidate)
}

/** '; did you mean …?' or nothing. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const near = nearest(name, candidates).map((candidate) => `'${candidate}'`)
  return near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`
}

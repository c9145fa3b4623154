import type { TestRunner } from '@pikku/core/testing'

interface Lane {
  readonly isLong: boolean
  /** A runner's `test` that takes every n-th of what it is given, all of it in the long lane. */
  some(test: TestRunner['test']): TestRunner['test']
}

/**
 * How much of the kits is run over other connections than the usual one: with `LANE=slow`, as `verify:slow` sets
 * it, everything; else every n-th test.
 */
export function connectionsLane(every: number): Lane {
  const isLong = process.env['LANE'] === 'slow'
  let seen = 0
  const some: Lane['some'] = (test) => (title, body) => {
    seen += 1
    if (isLong || seen % every === 0) test(title, body)
  }
  return { isLong, some }
}

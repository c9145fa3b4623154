import type { TestRunner } from '@pikku/core/testing'

interface Lane {
  readonly isLong: boolean
  /** A runner that takes every n-th test of what it is given, and of each group one at least; all in the long lane. */
  some(runner: TestRunner): TestRunner
}

type Test = Parameters<TestRunner['test']>

/**
 * How much of the kits is run over other connections than the usual one: with `LANE=slow`, as `verify:slow` sets
 * it, everything; else every n-th test.
 */
export function connectionsLane(every: number): Lane {
  const isLong = process.env['LANE'] === 'slow'
  let seen = 0
  const some: Lane['some'] = (runner) => {
    let group: { first: Test | undefined; isEmpty: boolean } = { first: undefined, isEmpty: true }
    const take = (test: Test): void => {
      group.isEmpty = false
      runner.test(...test)
    }
    return {
      describe: (name, body) =>
        runner.describe(name, () => {
          const outer = group
          group = { first: undefined, isEmpty: true }
          body()
          // A group without a test fails.
          if (group.isEmpty && group.first) take(group.first)
          group = { ...outer, isEmpty: false }
        }),
      test: (...test) => {
        group.first ??= test
        seen += 1
        if (isLong || seen % every === 0) take(test)
      },
    }
  }
  return { isLong, some }
}

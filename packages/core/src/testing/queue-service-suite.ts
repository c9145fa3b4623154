import assert from 'node:assert/strict'
import type { Difference, QueueHarness } from './queue-harness.ts'
import { queueTestGroups } from './queue/groups.ts'
import { QueueWorld, type QueueTestGroup } from './queue/queue-world.ts'

/** One row of the table of what queues do alike: a case, and what any harness has declared about it. */
export interface QueueTestTitle {
  /** What it is about. */
  readonly group: string
  /** What holds. */
  readonly title: string
}

/** Every case of the kit, in its order. */
export function queueTestTitles(): QueueTestTitle[] {
  return queueTestGroups.flatMap(({ name, tests }) => Object.keys(tests).map((title) => ({ group: name, title })))
}

/**
 * Defines every case that any queue must pass.
 *
 * @example
 * import { describe, test } from 'vitest'
 * defineQueueServiceTests({ name: 'memory', runner: { describe, test }, open: openMemory })
 */
export function defineQueueServiceTests(harness: QueueHarness): void {
  const { describe, test } = harness.runner
  describe(`queue service: ${harness.name}`, () => {
    for (const group of queueTestGroups) describe(group.name, () => defineGroup(harness, group))
    test('every declared difference names a case', async () => {
      const titles = new Set(queueTestTitles().map(({ group, title }) => `${group} › ${title}`))
      for (const difference of harness.differences ?? []) {
        assert.ok(titles.has(difference.test), `no such case: ${difference.test}`)
        assert.ok(difference.reason.length > 0, `no reason is given: ${difference.test}`)
      }
    })
  })
}

function defineGroup(harness: QueueHarness, group: QueueTestGroup): void {
  for (const [title, body] of Object.entries(group.tests)) {
    const difference = harness.differences?.find(({ test }) => test === `${group.name} › ${title}`)
    const run = async (): Promise<void> => {
      const world = new QueueWorld(await harness.open({ ownServer: group.ownServer ?? false }))
      try {
        await body(world)
      } finally {
        await world.dispose()
      }
    }
    harness.runner.test(title, difference ? () => expectDifference(difference, run) : run)
  }
}

async function expectDifference(difference: Difference, run: () => Promise<void>): Promise<void> {
  const same = await run().then(
    () => true,
    () => false,
  )
  assert.ok(!same, `stale difference, the case passes: ${difference.test}`)
  console.info(`differs: ${difference.test}: ${difference.reason}`)
}

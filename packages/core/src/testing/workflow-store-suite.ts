import assert from 'node:assert/strict'
import type { Skip, StoreHarness } from './store-harness.ts'
import { storeTestGroups } from './store/groups.ts'
import { NotOffered, World } from './store/world.ts'
import type { StoreTestGroup } from './store/world.ts'

/**
 * Defines every case that any store must pass, one store per case.
 *
 * @example
 * import { describe, test } from 'vitest'
 * defineWorkflowStoreTests({ name: 'memory', runner: { describe, test }, open: openMemory })
 */
export function defineWorkflowStoreTests(harness: StoreHarness): void {
  const { describe, test } = harness.runner
  describe(`workflow store: ${harness.name}`, () => {
    for (const group of storeTestGroups) describe(group.name, () => defineGroup(harness, group))
    test('every skip names a case', async () => {
      const titles = new Set(
        storeTestGroups.flatMap(({ name, tests }) => Object.keys(tests).map((title) => `${name} › ${title}`)),
      )
      for (const skip of harness.skip ?? []) assert.ok(titles.has(skip.test), `no such case: ${skip.test}`)
    })
  })
}

function defineGroup(harness: StoreHarness, group: StoreTestGroup): void {
  for (const [title, body] of Object.entries(group.tests)) {
    const skip = harness.skip?.find(({ test }) => test === `${group.name} › ${title}`)
    const run = (): Promise<void> => runCase(harness, title, body)
    harness.runner.test(title, skip ? () => expectFailure(skip, run) : run)
  }
}

async function runCase(harness: StoreHarness, title: string, body: (world: World) => Promise<void>): Promise<void> {
  const world = new World(await harness.open())
  try {
    await body(world)
    await world.checkLaws()
  } catch (error) {
    if (!(error instanceof NotOffered)) throw error
    console.info(`${harness.name}: not run, the harness offers no ${error.message}: ${title}`)
  } finally {
    await world.dispose()
  }
}

async function expectFailure(skip: Skip, run: () => Promise<void>): Promise<void> {
  const passed = await run().then(
    () => true,
    () => false,
  )
  assert.ok(!passed, `stale skip, the case passes: ${skip.test}`)
  console.info(`skipped: ${skip.test}: ${skip.reason}`)
}

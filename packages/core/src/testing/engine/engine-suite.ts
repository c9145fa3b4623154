import assert from 'node:assert/strict'
import type { Skip } from '../store-harness.ts'
import type { EngineHarness } from './engine-harness.ts'
import { EngineWorld } from './engine-world.ts'
import { scenarioGroups } from './groups.ts'
import type { ScenarioGroup } from './scenario.ts'

/**
 * Defines every scenario that the engine must get right over any store and any queue. After each one the laws of the
 * store, the ledger of side effects and the replay of every final history are checked.
 *
 * @example
 * import { describe, test } from 'vitest'
 * defineEngineTests({ name: 'memory', runner: { describe, test }, open: openMemory })
 */
export function defineEngineTests(harness: EngineHarness): void {
  const { describe, test } = harness.runner
  const all = scenarioGroups(harness)
  const groups = all.filter(({ name }) => harness.groups?.includes(name) ?? true)
  describe(`engine: ${harness.name}`, () => {
    for (const group of groups) describe(group.name, () => defineGroup(harness, group))
    test('every group that is asked for is there', () => {
      const names = all.map(({ name }) => name)
      for (const name of harness.groups ?? []) assert.ok(names.includes(name), `no such group: ${name}`)
      return Promise.resolve()
    })
    test('every skip names a scenario', () => {
      const titles = new Set(
        groups.flatMap(({ name, scenarios }) => Object.keys(scenarios).map((title) => `${name} › ${title}`)),
      )
      for (const skip of harness.skip ?? []) assert.ok(titles.has(skip.test), `no such scenario: ${skip.test}`)
      return Promise.resolve()
    })
  })
}

function defineGroup(harness: EngineHarness, group: ScenarioGroup): void {
  for (const [title, scenario] of Object.entries(group.scenarios)) {
    const skip = harness.skip?.find(({ test }) => test === `${group.name} › ${title}`)
    const run = (): Promise<void> => runScenario(harness, scenario, `${group.name} › ${title}`)
    harness.runner.test(title, skip ? () => expectFailure(skip, run) : run)
  }
}

/** Plays one scenario in a fresh world and holds the outcome against the laws. */
async function runScenario(
  harness: Pick<EngineHarness, 'open'>,
  scenario: (world: EngineWorld) => Promise<void>,
  title: string,
): Promise<void> {
  const world = new EngineWorld(await harness.open())
  try {
    await scenario(world)
    if (world.leftOut !== null) console.info(`not played: ${title}: ${world.leftOut}`)
    await world.check()
  } finally {
    await world.dispose()
  }
}

async function expectFailure(skip: Skip, run: () => Promise<void>): Promise<void> {
  const passed = await run().then(
    () => true,
    () => false,
  )
  assert.ok(!passed, `stale skip, the scenario passes: ${skip.test}`)
  console.info(`skipped: ${skip.test}: ${skip.reason}`)
}

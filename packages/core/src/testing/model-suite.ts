import assert from 'node:assert/strict'
import { memoryPorts, MemoryTables } from '../memory/index.ts'
import { checkAllCanEnd } from './model/liveness.ts'
import { operations } from './model/operations.ts'
import { Pair } from './model/pair.ts'
import { Side } from './model/side.ts'
import { seededRandom } from './random.ts'
import type { OpenStore, StoreHarness } from './store-harness.ts'
import { TestClock } from './test-clock.ts'

/** How the model suite reaches a store, and how much of it to do. */
export interface ModelHarness extends StoreHarness {
  /** Which sequences; default: eight fixed ones, and one that differs each time. */
  readonly seeds?: readonly number[]
  /** Operations per sequence. Default 200. */
  readonly operations?: number
}

/**
 * Random sequences of operations against the store and against the memory store: every answer, and what a reader sees,
 * must agree; then every run must be brought to its end by sweeps alone. A failure prints the seed and the last operations.
 *
 * @example
 * defineModelTests({ name: 'pg', runner: { describe, test }, open })
 */
export function defineModelTests(harness: ModelHarness): void {
  const { describe, test } = harness.runner
  const fresh = Date.now() % 1_000_000
  describe(`model: ${harness.name}`, () => {
    for (const seed of harness.seeds ?? [1, 2, 3, 4, 5, 6, 7, 8]) test(`seed ${seed}`, () => runSequence(harness, seed))
    if (!harness.seeds) test('a seed of its own', () => runSequence(harness, fresh))
  })
}

async function runSequence(harness: ModelHarness, seed: number): Promise<void> {
  const clock = new TestClock()
  const tables = new MemoryTables(clock)
  const model = await Side.open('the model', openModel(tables, clock))
  const subject = await Side.open(harness.name, await harness.open())
  const pair = new Pair({ model, tables, subject }, seededRandom(seed))
  try {
    for (let i = 0; i < (harness.operations ?? 200); i += 1) {
      await pair.random.pick(operations)(pair)
      if (i % 3 === 0) await pair.compareViews()
    }
    await pair.compareViews()
    await checkAllCanEnd(subject, pair.runIds)
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error)
    const last = pair.log.slice(-12).join('\n  ')
    throw new assert.AssertionError({ message: `seed ${seed}: ${told}\nthe last operations:\n  ${last}` })
  } finally {
    await Promise.all([model.dispose(), subject.dispose()])
  }
}

function openModel(tables: MemoryTables, clock: TestClock): OpenStore {
  return {
    ports: memoryPorts(tables),
    sibling: () => Promise.resolve(memoryPorts(tables)),
    advance: (ms) => clock.advance(ms),
    dispose: () => Promise.resolve(),
  }
}

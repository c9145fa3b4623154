import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { WorkItem } from '../contract/index.ts'
import { MemoryDoorbell } from './index.ts'

const run = (runId: string): WorkItem => ({ kind: 'run', runId, workflow: 'order' })

function step(name: string): WorkItem {
  return { kind: 'step', runId: 'run', step: { name, ordinal: 0 }, rpcName: 'work', attempt: 1, dispatch: 0 }
}

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}

/** A handler whose items stay under way until they are let go. */
function holding(): { taken: string[]; handler: (item: WorkItem) => Promise<void>; letGo: () => void } {
  const taken: string[] = []
  const waiting: (() => void)[] = []
  const handler = (item: WorkItem): Promise<void> => {
    taken.push(item.kind === 'run' ? item.runId : item.step.name)
    return new Promise((resolve) => waiting.push(resolve))
  }
  return { taken, handler, letGo: () => waiting.shift()?.() }
}

test('items are handed over in order, at most as many at once as the role says', async () => {
  const doorbell = new MemoryDoorbell()
  const { taken, handler, letGo } = holding()
  await doorbell.answer({ run: 2, step: 0 }, handler)
  await doorbell.ring(['a', 'b', 'c', 'd'].map(run))
  assert.deepEqual(taken, [], 'never while the ringer goes on')
  await turnOfTheLoop()
  assert.deepEqual(taken, ['a', 'b'])
  letGo()
  await turnOfTheLoop()
  assert.deepEqual(taken, ['a', 'b', 'c'])
})

test('an item waits until somebody takes its role', async () => {
  const doorbell = new MemoryDoorbell()
  const runs = holding()
  const steps = holding()
  await doorbell.ring([step('s'), run('r')])
  await doorbell.answer({ run: 1, step: 0 }, runs.handler)
  await turnOfTheLoop()
  assert.deepEqual([runs.taken, steps.taken], [['r'], []])
  await doorbell.answer({ run: 0, step: 1 }, steps.handler)
  await turnOfTheLoop()
  assert.deepEqual([runs.taken, steps.taken], [['r'], ['s']])
})

test('several who answer share the items', async () => {
  const doorbell = new MemoryDoorbell()
  const [one, two] = [holding(), holding()]
  await doorbell.answer({ run: 5, step: 0 }, one.handler)
  await doorbell.answer({ run: 5, step: 0 }, two.handler)
  await doorbell.ring(['a', 'b', 'c', 'd'].map(run))
  await turnOfTheLoop()
  assert.deepEqual([one.taken.length, two.taken.length], [2, 2])
})

test('who stopped is handed nothing more; what it has goes on', async () => {
  const doorbell = new MemoryDoorbell()
  const { taken, handler, letGo } = holding()
  const answering = await doorbell.answer({ run: 1, step: 0 }, handler)
  await doorbell.ring([run('a'), run('b')])
  await turnOfTheLoop()
  await answering.stop()
  letGo()
  await turnOfTheLoop()
  assert.deepEqual(taken, ['a'])
  const heir = holding()
  await doorbell.answer({ run: 1, step: 0 }, heir.handler)
  await turnOfTheLoop()
  assert.deepEqual(heir.taken, ['b'])
})

import assert from 'node:assert/strict'
import { test } from 'vitest'
import { TestClock } from './test-clock.ts'

test('sleepers wake in the order of their time, each at its own moment', async () => {
  const clock = new TestClock(1_000)
  const woken: string[] = []
  const sleep = async (name: string, ms: number): Promise<void> => {
    await clock.sleep(ms)
    woken.push(`${name} at ${clock.now()}`)
  }
  const all = [sleep('late', 300), sleep('early', 100), sleep('never', 5_000)]
  assert.equal(clock.nextInMs(), 100)
  await clock.advance(1_000)
  await Promise.all(all.slice(0, 2))
  assert.deepEqual(woken, ['early at 1100', 'late at 1300'])
  assert.equal(clock.now(), 2_000)
  assert.equal(clock.nextInMs(), 4_000)
})

test('who goes to sleep again while time moves is woken again', async () => {
  const clock = new TestClock(0)
  let ticks = 0
  const tick = async (): Promise<void> => {
    for (; ticks < 5; ticks += 1) await clock.sleep(10)
  }
  const ticking = tick()
  await clock.advance(100)
  await ticking
  assert.equal(ticks, 5)
})

test('an abort wakes at once, and nobody twice', async () => {
  const clock = new TestClock(0)
  const abort = new AbortController()
  const slept = clock.sleep(1_000, abort.signal)
  abort.abort()
  await slept
  await clock.sleep(1_000, abort.signal)
  assert.equal(clock.nextInMs(), null)
  assert.equal(clock.now(), 0)
})

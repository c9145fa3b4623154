import assert from 'node:assert/strict'
import { test } from 'vitest'
import { Slots } from './slots.ts'

test('no more than there are places, and those who wait come in order', async () => {
  const slots = new Slots(2)
  await slots.take()
  assert.equal(slots.tryTake(), true)
  assert.equal(slots.tryTake(), false)
  const came: string[] = []
  const waiting = ['first', 'second'].map((name) => slots.take().then(() => came.push(name)))
  await Promise.resolve()
  assert.deepEqual(came, [])
  slots.give()
  await waiting[0]
  assert.deepEqual(came, ['first'])
  assert.equal(slots.tryTake(), false, 'a place given to one who waits is not free')
  slots.give()
  await waiting[1]
  slots.give()
  assert.equal(slots.tryTake(), true)
})

test('without places nobody gets in', () => {
  assert.equal(new Slots(0).tryTake(), false)
})

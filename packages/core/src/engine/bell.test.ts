import assert from 'node:assert/strict'
import { test } from 'vitest'
import { Bell } from './bell.ts'

test('a ring that comes while nobody waits is not lost, and heard once', async () => {
  const bell = new Bell()
  bell.ring()
  bell.ring()
  await bell.wait()
  let heard = false
  const waiting = bell.wait().then(() => (heard = true))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(heard, false)
  bell.ring()
  await waiting
})

import assert from 'node:assert/strict'
import { test } from 'vitest'
import { closeAll, whenOver } from './close-all.ts'

test('what fails keeps nothing else open, and the first failure is told', async () => {
  const closed: string[] = []
  const failing = (name: string) => () => {
    closed.push(name)
    throw new Error(name)
  }
  const closing = closeAll(
    failing('a'),
    () => Promise.resolve(closed.push('b')),
    failing('c'),
    () => closed.push('d'),
  )
  await assert.rejects(closing, /^Error: a$/)
  assert.deepEqual(closed, ['a', 'b', 'c', 'd'])
})

test('who waits for several waits for all of them, also when one fails', async () => {
  let isOver = false
  const slow = new Promise<void>((resolve) => setImmediate(resolve)).then(() => void (isOver = true))
  await assert.rejects(whenOver([Promise.reject(new Error('at once')), undefined, slow]), /at once/)
  assert.ok(isOver)
})

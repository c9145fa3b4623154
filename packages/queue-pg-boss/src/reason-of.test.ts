import { expect, test } from 'vitest'
import { reasonOf } from './reason-of.ts'

test.each([
  [new Error('no connection'), 'no connection'],
  [{ message: 'no connection', queue: 'mail', worker: 'w' }, 'no connection'],
  ['no connection', 'no connection'],
])('an error is told by what it says, whatever it is: %o', (error, told) => {
  expect(reasonOf(error)).toBe(told)
})

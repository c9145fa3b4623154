import { expect, test } from 'vitest'
import { rotated } from './rotation.ts'

test('each repetition has everybody once and begins with another one', () => {
  const orders = [0, 1, 2].map((repetition) => rotated(['a', 'b', 'c'], repetition))
  for (const order of orders) expect(order.toSorted()).toEqual(['a', 'b', 'c'])
  expect(new Set(orders.map(([first]) => first)).size).toBeGreaterThan(1)
  expect(new Set(orders.map(String)).size).toBe(3)
})

test('nobody takes no turns', () => {
  expect(rotated([], 3)).toEqual([])
})

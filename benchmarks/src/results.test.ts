import { expect, test } from 'vitest'
import { readReport } from './results.ts'

const environment = {
  date: '2026-11-23T00:00:00.000Z',
  commit: 'abc',
  cpu: 'some',
  cores: 2,
  memoryGb: 8,
  os: 'Linux 6',
  node: 'v24.0.0',
  packages: {},
  size: 'tiny',
  minutes: 1,
  loadBefore: 0.5,
}
const result = {
  workload: 'inline',
  store: 'pg',
  system: 'pikku',
  stepsPerSecond: 1,
  repetitions: 5,
  min: 1,
  max: 2,
  floor: 3,
}

test('the shape that is promised', () => {
  expect(readReport({ environment, results: [result] }).results).toEqual([result])
})

test.each([
  ['a figure that is no number', { ...result, stepsPerSecond: '1' }],
  ['a figure that is not finite', { ...result, min: Infinity }],
  ['a store that is none', { ...result, store: 'mysql' }],
  ['a field that nobody knows', { ...result, median: 1 }],
  ['no repetitions', { ...result, repetitions: undefined }],
])('%s is refused', (_what, broken) => {
  expect(() => readReport({ environment, results: [broken] })).toThrow()
})

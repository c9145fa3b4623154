import { expect, test } from 'vitest'
import { checkWords } from './words.ts'

const messages = (path: string, text: string) => checkWords([{ path, text }]).map(({ message }) => message)

test.each([
  '// the next task',
  'const taskName = 1',
  'class StepExecution {}',
  'function pollJobs() {}',
  "'a checkpoint'",
])('a word that the glossary replaces: %s', (text) => {
  expect(messages('packages/core/src/engine/a.ts', text)).toHaveLength(1)
})

test('parts of other words are no banned words', () => {
  expect(messages('packages/core/src/engine/a.ts', 'const multitasking = macrotask // stick, obtain')).toEqual([])
})

test('what queues carry are jobs, in the packages of queues', () => {
  expect(messages('packages/queue-pg-boss/src/a.ts', 'const jobId = 1')).toEqual([])
  expect(messages('packages/pg/src/a.ts', 'const jobId = 1')).toHaveLength(1)
})

test.each(['class StoreImpl {}', 'class RunManager {}', 'const dateUtils = 1'])('an empty name: %s', (text) => {
  expect(messages('packages/core/src/engine/a.ts', text)).toHaveLength(1)
})

test('an empty file name', () => {
  expect(messages('packages/core/src/engine/utils.ts', '')).toHaveLength(1)
})

test.each([
  '// TO' + 'DO: later',
  '// @ts-' + 'ignore',
  '/* eslint-' + 'disable */',
  '// oxlint-' + 'disable-next-line',
  "import '/work" + "/main/a.ts'",
])('a leftover: %s', (text) => {
  expect(messages('packages/core/src/engine/a.ts', text)).toHaveLength(1)
})

test('findings carry path and line', () => {
  const [found] = checkWords([{ path: 'packages/core/src/a.ts', text: '\n\nconst task = 1\n' }])
  expect(found).toMatchObject({ path: 'packages/core/src/a.ts', line: 3 })
})

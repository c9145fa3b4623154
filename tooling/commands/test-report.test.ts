import { expect, test } from 'vitest'
import { countTests, summaryLine } from './test-report.ts'

const result = (status: string, ...names: string[]) => ({
  status,
  ancestorTitles: names.slice(0, -1),
  title: names.at(-1) ?? '',
})
const file = (status: string, ...tests: string[]) => ({
  name: 'a.test.ts',
  status,
  message: '',
  assertionResults: tests.map((each) => result(each, each)),
})
const report = (...files: ReturnType<typeof file>[]) => JSON.stringify({ testResults: files })

test('passed, failed and skipped tests are summed over all files', () => {
  const counts = countTests(report(file('failed', 'passed', 'failed', 'pending'), file('passed', 'passed', 'todo')), 1)
  expect(summaryLine(counts)).toBe('2 passed, 1 failed, 2 skipped')
})

test('a run without skipped tests does not mention them', () => {
  expect(summaryLine(countTests(report(file('passed', 'passed')), 0))).toBe('1 passed, 0 failed')
})

test('a file that could not be loaded counts as a failure', () => {
  expect(countTests(report(file('failed'), file('passed', 'passed')), 1)).toMatchObject({ passed: 1, failed: 1 })
})

test('an error outside every test counts as a failure', () => {
  expect(countTests(report(file('passed', 'passed')), 1)).toMatchObject({ passed: 1, failed: 1 })
})

test.each([
  ['no report', undefined],
  ['no file', report()],
  ['only skipped tests', report(file('passed', 'pending'))],
])('%s counts as a failure', (_name, text) => {
  expect(countTests(text, 0).failed).toBe(1)
})

test('what was skipped is named, as the largest group of which nothing ran', () => {
  const assertionResults = [
    result('passed', 'here', 'a'),
    result('skipped', 'here', 'b (on Linux)'),
    result('pending', 'there (needs a pooler)', 'c'),
    result('pending', 'there (needs a pooler)', 'deep', 'd'),
    result('todo', 'e'),
  ]
  const { skips, skipped } = countTests(report({ ...file('passed'), assertionResults }), 0)
  expect(skips).toEqual([
    'a.test.ts: here › b (on Linux)',
    'a.test.ts: there (needs a pooler), 2 tests',
    'a.test.ts: e',
  ])
  expect(skipped).toBe(4)
})

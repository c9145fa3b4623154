import { expect, test } from 'vitest'
import { withResult, type SlowResult } from './page.ts'

const result: SlowResult = {
  name: 'chaos',
  shows: 'That it holds.',
  result: 'passed',
  date: new Date(0),
  commit: 'abc',
  seconds: 61,
  minutes: 2,
  command: 'node chaos.ts',
  figures: ['1 run', '2 deaths'],
}

test('a first result makes the page', () => {
  const page = withResult('', result)
  expect(page).toMatch(/^# The slow lane/)
  expect(page).toContain(
    '## chaos\n\nThat it holds.\n\n- result: passed\n- date: 1970-01-01 00:00 UTC\n- commit: abc\n',
  )
  expect(page).toContain('- time: 1 min 1 s of 2 min\n')
  expect(page).toMatch(/```text\n1 run\n2 deaths\n```\n$/)
})

test('a result replaces that of its part and leaves the others', () => {
  const both = withResult(withResult('', result), { ...result, name: 'simulate', figures: [] })
  const again = withResult(both, { ...result, result: 'failed', figures: ['## not a heading? it is within its fence'] })
  expect(again.match(/^## \w+$/gm)).toEqual(['## chaos', '## simulate'])
  expect(again).toContain('- result: failed')
  expect(again.match(/- result: passed/g)).toHaveLength(1)
  expect(withResult(again, result)).toBe(withResult(both, result))
})

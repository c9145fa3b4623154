import { expect, test } from 'vitest'
import { reportOf } from './fixture.ts'
import { markdownOf } from './markdown.ts'
import { markdownTable, resultTable } from './table.ts'

const ours = { stepsPerSecond: 12_500, min: 12_000, max: 13_000 }

/** The cells of the only line, by the heads of their columns. */
function lineOf(results: Parameters<typeof reportOf>[0]): Record<string, string> {
  const [head = '', , line = '', ...more] = resultTable(reportOf(results)).split('\n')
  expect(more).toEqual([])
  const cells = (text: string) => text.split(' | ').map((cell) => cell.replaceAll('|', '').trim())
  return Object.fromEntries(cells(head).map((name, index) => [name, cells(line)[index] ?? '']))
}

test('a figure with its range, its target and its ratio to a peer', () => {
  const line = lineOf([
    ours,
    { system: 'floor', stepsPerSecond: 100_000, min: 90_000, max: 110_000 },
    { system: 'dbos', stepsPerSecond: 1_250, min: 1_200, max: 1_300 },
    { system: 'restate', stepsPerSecond: 6_000, min: 5_000, max: 7_000 },
  ])
  expect(line).toMatchObject({
    store: 'PostgreSQL',
    ours: '12,500 (12,000 – 13,000)',
    target: '≥ 12,000 ✓; ≥ 10 × DBOS ✓; ≥ 4 × Restate ✗',
    floor: '100,000 (90,000 – 110,000); ours is at 12.5 %',
    DBOS: '1,250 (1,200 – 1,300); **10 ×**',
    Restate: '6,000 (5,000 – 7,000); **2.08 ×**',
  })
})

test('where the ranges cross nothing is claimed, and a ratio asked for is not met', () => {
  const line = lineOf([ours, { system: 'dbos', stepsPerSecond: 900, min: 100, max: 12_001 }])
  expect(line['DBOS']).toBe('900 (100 – 12,001); ranges cross')
  expect(line['target']).toBe('≥ 12,000 ✓; ≥ 10 × DBOS ✗; ≥ 4 × Restate')
})

test('where less is better the ratio is turned round', () => {
  const line = lineOf([
    { workload: 'history', msPerStep: 0.4, min: 0.3, max: 0.5 },
    { workload: 'history', system: 'dbos', msPerStep: 1.6, min: 1.5, max: 1.7 },
    { workload: 'history', system: 'floor', msPerStep: 0.2, min: 0.2, max: 0.2 },
  ])
  expect(line['DBOS']).toBe('1.6 (1.5 – 1.7); **4 ×**')
  expect(line['target']).toBe('≤ 0.45 ✓; ≥ 2.5 × DBOS ✓')
  expect(line['floor']).toContain('ours is at 50 %')
})

test('a failure is a cell, not the end', () => {
  const failures = ['inline', 'rpc'].map((workload) => ({
    workload,
    system: 'absurd' as const,
    repetitions: 0,
    failed: 'no schema',
  }))
  const text = resultTable(reportOf([ours, ...failures]))
  expect(text).toContain('| failed |')
  expect(text).toContain('\n- Absurd (PostgreSQL): no schema [inline, rpc]')
})

test('the second figure of a name has no range, and units are scaled', () => {
  const both = resultTable(reportOf([{ workload: 'recovery', p50Ms: 1_200, maxMs: 2_900, min: 1_100, max: 1_300 }]))
  expect(both).toContain('1.2 (1.1 – 1.3)')
  expect(both).toContain('| 2.9 | ≤ 3 ✓ |')
})

test('a bar within a cell does not end it', () => {
  expect(markdownTable(['a'], [['b|c']])).toBe('| a |\n| --- |\n| b\\|c |')
})

test('the page says where the figures come from, and when they say nothing', () => {
  const report = reportOf([ours])
  expect(markdownOf(report)).toContain('2 × Some CPU')
  expect(markdownOf(report)).not.toContain('not quiet')
  const loud = { ...report, environment: { ...report.environment, loadBefore: 9, size: 'quick' as const } }
  expect(markdownOf(loud)).toContain('**The machine was not quiet**')
  expect(markdownOf(loud)).toContain('Size “quick”')
})

test('curves have their exponent, costs their columns', () => {
  const points = [10, 100, 1_000].map((x) => ({ workload: 'growth-steps', x, msPerStep: x / 1_000 }))
  const text = markdownOf(
    reportOf([...points, { workload: 'cost-rpc', clientCpuMsPerStep: 0.25, walBytesPerStep: 900 }]),
  )
  expect(text).toContain('10: 0.01, 100: 0.1, 1,000: 1 | 1.00 |')
  expect(text).toContain('| an RPC step through the queue | PostgreSQL | ours | 0.25 | – | 900 | – | – |')
})

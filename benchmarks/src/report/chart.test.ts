import { expect, test } from 'vitest'
import { arePeersInstalled } from '../peers.ts'
import { chartOf } from './chart.ts'
import { draw } from './draw.ts'
import { reportOf } from './fixture.ts'
import { curveRows, tableRows } from './lines.ts'

const rowNamed = (name: string) => {
  const row = [...tableRows, ...curveRows].find((each) => each.name === name)
  if (!row) throw new Error(`no row is named ${name}`)
  return row
}
const report = reportOf([
  { stepsPerSecond: 12_500, min: 12_000, max: 13_000 },
  { system: 'dbos', stepsPerSecond: 200, min: 150, max: 300 },
  { system: 'absurd', repetitions: 0, failed: 'no schema' },
  { workload: 'growth-ended', x: 0, p50Ms: 5, min: 4, max: 6 },
  { workload: 'growth-ended', x: 1_000_000, p50Ms: 6, min: 5, max: 7 },
])

test('a comparison: axis with its unit, n, every system that has a figure', () => {
  const text = JSON.stringify(chartOf(report, rowNamed('inline')))
  expect(text).toContain('"title":"steps/s"')
  expect(text).toContain('n = 5: median, smallest and largest')
  expect(text).toContain('"system":"DBOS"')
  expect(text).not.toContain('Absurd","store"')
})

test('what lies far apart is drawn on a logarithmic axis', () => {
  expect(JSON.stringify(chartOf(report, rowNamed('inline')))).toContain('"type":"log"')
  const near = reportOf([{ stepsPerSecond: 100, min: 90, max: 110 }])
  expect(JSON.stringify(chartOf(near, rowNamed('inline')))).not.toContain('"log"')
})

test('a curve: what grows on one axis, what it costs on the other, 0 where a logarithm can show it', () => {
  const chart = chartOf(report, rowNamed('growth-ended'))
  const text = JSON.stringify(chart)
  expect(text).toContain('"title":"ended runs in the tables"')
  expect(text).toContain('"x":1,')
})

test('nothing measured is no picture', () => {
  expect(chartOf(report, rowNamed('rpc'))).toBeNull()
})

const withoutVega = arePeersInstalled() ? '' : ' (skipped: Vega is not here; `pnpm bench` installs it)'

test.skipIf(withoutVega)(`pictures are drawn as SVG with their axes and n${withoutVega}`, async () => {
  for (const name of ['inline', 'growth-ended']) {
    const svg = await draw(chartOf(report, rowNamed(name)) ?? {})
    expect(svg).toMatch(/^<svg/)
    expect(svg).toContain('n = 5')
    expect(svg).toContain(name === 'inline' ? 'steps/s' : 'ended runs in the tables')
  }
})

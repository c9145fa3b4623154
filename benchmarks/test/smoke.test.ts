import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { bench } from '../src/bench.ts'
import { parseArguments } from '../src/cli.ts'
import { readReport } from '../src/results.ts'

test('two workloads, ours on both stores, tiny: figures, floors and JSON', async () => {
  // What is measured here is what is in the sources, not what was built last.
  const options = process.env['NODE_OPTIONS']
  process.env['NODE_OPTIONS'] = `${options ?? ''} --conditions=pikku-source`
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-bench-'))
  onTestFinished(() => {
    process.env['NODE_OPTIONS'] = options ?? ''
    fs.rmSync(folder, { recursive: true })
  })
  const json = path.join(folder, 'out.json')
  const args = parseArguments(['--tiny', '--only', 'inline,latency', '--peers', 'none', '--json', json])
  const said: string[] = []
  await bench(args, { say: (line) => said.push(line), print: (tables) => said.push(tables) })

  const { environment, results } = readReport(JSON.parse(fs.readFileSync(json, 'utf8')))
  expect(environment).toMatchObject({ size: 'tiny', postgresSettings: { fsync: 'on', synchronous_commit: 'on' } })
  expect(results.map(({ workload, system, store }) => `${workload} ${system} ${store}`).toSorted()).toEqual(
    ['inline', 'latency'].flatMap((workload) =>
      ['floor pg', 'floor redis', 'pikku pg', 'pikku redis'].map((who) => `${workload} ${who}`),
    ),
  )
  expect(said.at(-1)).toContain('| workload | store | ours | target | floor |')
  for (const result of results) {
    expect(result.failed, said.join('\n')).toBeUndefined()
    expect(result.workload === 'inline' ? result.stepsPerSecond : result.p50Ms).toBeGreaterThan(0)
    if (result.system === 'pikku') expect(result.floor).toBeGreaterThan(0)
  }
}, 120_000)

import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { captured, normalised } from '../../scripts/captured.mjs'
import { eventually } from '../harness/deadline.ts'
import { TestProcess } from '../harness/processes.ts'
import { createDatabase } from '../harness/world.ts'

const cwd = path.resolve(import.meta.dirname, '../../templates/workflows')
const page = path.resolve(import.meta.dirname, '../../docs/getting-started.md')

let database: Awaited<ReturnType<typeof createDatabase>>
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

function demo(...args: string[]): TestProcess {
  return new TestProcess('demo/main.ts', { cwd, env: { DATABASE_URL: database.url }, args })
}

function processesOf(output: string): number[] {
  const [, api, one, two] = /\(pid (\d+)\); workers: pids (\d+) and (\d+)/.exec(output) ?? []
  return [api, one, two].map(Number)
}

const isAlive = (pid: number) =>
  fs.existsSync(`/proc/${pid}/cmdline`) && fs.readFileSync(`/proc/${pid}/cmdline`).length > 0

test.each([
  ['npm start', []],
  ['npm start -- --crash', ['--crash']],
])('%s: what the page shows is what happens (UPDATE_DOCS=1 writes the page)', async (command, args) => {
  const started = performance.now()
  const run = demo(...args)
  expect(await run.exit(), run.output).toBe(0)
  console.log(
    `measured: the demo of '${command}' without builds and server: ${Math.round(performance.now() - started)} ms`,
  )

  expect(run.output.trimEnd().split('\n').at(-1)).toMatch(/^run [0-9a-f-]{36} completed$/)
  const fence = captured(fs.readFileSync(page, 'utf8'), command)
  if (process.env['UPDATE_DOCS']) fs.writeFileSync(page, fence.replacedBy(run.output))
  else expect(normalised(run.output)).toBe(normalised(fence.text))
})

test.skipIf(process.platform !== 'linux')('an interrupted demo leaves no process behind', async () => {
  const run = demo()
  await run.printed(/is started$/m)
  const pids = processesOf(run.output)
  expect(pids.map(isAlive)).toEqual([true, true, true])
  run.signal('SIGINT')
  expect(await run.exit()).toBe(1)
  await eventually('all processes have ended', () => !pids.some(isAlive), 5_000)
})

test('a demo without a database says so and leaves nothing running', async () => {
  const run = new TestProcess('demo/main.ts', { cwd, env: { DATABASE_URL: '' } })
  expect(await run.exit()).toBe(1)
  expect(run.output).toContain('DATABASE_URL is not set')
})

import fs from 'node:fs'
import path from 'node:path'
import { linesOfSvg } from '@pikku/tooling/terminal-svg'
import { expect, test } from 'vitest'
import { captured, normalised } from '../../scripts/captured.mjs'
import { eventually } from '../harness/deadline.ts'
import { openForTemplate, purePairs } from '../harness/pairs.ts'
import { TestProcess } from '../harness/processes.ts'

const cwd = path.resolve(import.meta.dirname, '../../templates/workflows')
const page = path.resolve(import.meta.dirname, '../../docs/getting-started.md')
const recorded = path.resolve(import.meta.dirname, '../../docs/crash-demo.svg')

async function demo(args: readonly string[], use: (run: TestProcess) => Promise<void>): Promise<void> {
  const pair = purePairs.find(({ store }) => (store === 'Redis') === args.includes('--redis'))
  if (!pair) throw new Error('no such pair')
  const opened = await openForTemplate(pair)
  try {
    const rest = args.filter((each) => each !== '--redis')
    await use(new TestProcess('demo/main.ts', { cwd, env: opened.env, args: rest }))
  } finally {
    await opened.close()
  }
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
  ['npm start -- --redis --crash', ['--redis', '--crash']],
])('%s: what the page shows is what happens (UPDATE_DOCS=1 writes the page)', (command, args) =>
  demo(args, async (run) => {
    const started = performance.now()
    expect(await run.exit(), run.output).toBe(0)
    console.log(
      `measured: the demo of '${command}' without builds and server: ${Math.round(performance.now() - started)} ms`,
    )

    expect(run.output.trimEnd().split('\n').at(-1)).toMatch(/^run [0-9a-f-]{36} completed$/)
    const fence = captured(fs.readFileSync(page, 'utf8'), command)
    if (process.env['UPDATE_DOCS']) fs.writeFileSync(page, fence.replacedBy(run.output))
    else expect(normalised(run.output)).toBe(normalised(fence.text))
    if (command === 'npm start -- --crash') expect(normalised(recordedDemo())).toBe(normalised(run.output))
  }),
)

/** What the picture of the README shows, from where the demo begins to print (tooling/commands/record-demo.ts draws it). */
function recordedDemo(): string {
  const lines = linesOfSvg(fs.readFileSync(recorded, 'utf8')).map(({ text }) => text)
  return lines.slice(lines.findIndex((line) => line.startsWith('» the API'))).join('\n')
}

test.skipIf(process.platform !== 'linux')('an interrupted demo leaves no process behind (on Linux)', () =>
  demo([], async (run) => {
    await run.printed(/is started$/m)
    const pids = processesOf(run.output)
    expect(pids.map(isAlive)).toEqual([true, true, true])
    run.signal('SIGINT')
    expect(await run.exit()).toBe(1)
    await eventually('all processes have ended', () => !pids.some(isAlive), 5_000)
  }),
)

test('a demo without a store says so and leaves nothing running', async () => {
  const run = new TestProcess('demo/main.ts', { cwd, env: { DATABASE_URL: '', REDIS_URL: '' } })
  expect(await run.exit()).toBe(1)
  expect(run.output).toContain('No server is named in the environment')
})

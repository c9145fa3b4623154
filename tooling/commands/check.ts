// `node scripts/run.mjs check [name …]`: everything that is checked besides the tests.
import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { onInterruption } from './interruption.ts'
import { summaryLine } from './test-report.ts'

const root = path.resolve(import.meta.dirname, '../..')
const tool = (name: string) => path.join(root, 'tooling/node_modules/.bin', name)
const ownCheck = (name: string) => [process.execPath, path.join(root, 'tooling/checks', `${name}.ts`)]

const checks: Readonly<Record<string, readonly string[]>> = {
  types: ['pnpm', 'run', '--recursive', '--no-bail', '--workspace-concurrency=2', 'typecheck'],
  format: [tool('prettier'), '--check', '--log-level=warn', '.'],
  lint: ownCheck('check-lint'),
  imports: ownCheck('check-deps'),
  words: ownCheck('check-words'),
  'dead code': [tool('knip'), '--no-progress'],
  generated: ownCheck('check-generated'),
  api: ownCheck('check-api'),
  packages: ownCheck('check-packages'),
  size: ['pnpm', '--dir', 'tooling', 'exec', 'size-limit'],
  licences: ownCheck('check-licences'),
  site: [process.execPath, path.join(root, 'tooling/commands/site.ts')],
}

const running = new Set<ChildProcess>()
const interrupted = onInterruption((signal) => running.forEach((child) => child.kill(signal)))

async function passes(name: string, [program = '', ...args]: readonly string[]): Promise<boolean> {
  const started = performance.now()
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()))
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      output += String(error)
      resolve(null)
    })
    child.once('close', resolve)
  })
  running.delete(child)
  const time = `${((performance.now() - started) / 1000).toFixed(1)} s`
  console.log(code === 0 ? `✓ ${name} (${time})` : `✗ ${name} (${time})\n${output.trimEnd().replace(/^/gm, '    ')}`)
  return code === 0
}

/** Two at a time: on two cores more of them only wait for each other. */
async function runAll(names: readonly string[]): Promise<boolean[]> {
  const queue = [...names]
  const results: boolean[] = []
  const lane = async () => {
    for (let name = queue.shift(); name !== undefined && !interrupted(); name = queue.shift()) {
      results.push(await passes(name, checks[name] ?? []))
    }
  }
  await Promise.all([lane(), lane()])
  return results
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in checks))
if (unknown.length > 0) {
  console.error(`no such check: ${unknown.join(', ')}; there are: ${Object.keys(checks).join(', ')}`)
  process.exit(1)
}
const results = await runAll(wanted.length > 0 ? wanted : Object.keys(checks))
const passed = results.filter(Boolean).length
console.log(summaryLine({ passed, failed: results.length - passed, skipped: 0 }))
process.exit(passed === results.length && !interrupted() ? 0 : 1)

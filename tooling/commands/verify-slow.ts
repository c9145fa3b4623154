// `pnpm verify:slow`: what takes too long for `npm test`, one part after the other; docs/verify-slow.md says how it went.
//   --only crash-points,chaos   these parts alone
//   --minutes 10                another box than each one's own
//   --list                      what there is
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { withResult } from '../slow/page.ts'
import { isThere, root, type SlowPart, slowParts } from '../slow/parts.ts'
import { bringBrowser, bringTestPrograms } from './bring-programs.ts'
import { onInterruption } from './interruption.ts'
import { summaryLine } from './test-report.ts'

const page = path.join(root, 'docs/verify-slow.md')
/** Of a part's output the last so many characters are searched for figures. */
const keptOutput = 4 * 2 ** 20
/** What a part that was told to stop may take for its end. */
const graceMs = 20_000

let child: ChildProcess | undefined
const interrupted = onInterruption((signal) => end(signal))

/** The part and whatever it started. */
function end(signal: NodeJS.Signals): void {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    // It ended by itself this very moment.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

interface Ended {
  readonly code: number | null
  readonly isLate: boolean
  readonly output: string
}

async function play(part: SlowPart, minutes: number): Promise<Ended> {
  const running = spawn(process.execPath, part.run(minutes), {
    cwd: root,
    env: { ...process.env, ...part.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: what it started is ended with it.
    detached: true,
  })
  child = running
  let output = ''
  for (const stream of [running.stdout, running.stderr]) {
    stream.on('data', (text: Buffer) => {
      process.stdout.write(text)
      output = (output + text.toString()).slice(-keptOutput)
    })
  }
  let isLate = false
  const box = setTimeout(() => {
    isLate = true
    end('SIGTERM')
    setTimeout(() => end('SIGKILL'), graceMs).unref()
  }, minutes * 60_000)
  const code = await new Promise<number | null>((resolve, reject) => {
    running.once('error', reject)
    running.once('close', resolve)
  })
  clearTimeout(box)
  return { code, isLate, output: stripVTControlCharacters(output) }
}

function resultOf({ code, isLate }: Ended): string {
  if (interrupted()) return 'interrupted'
  if (isLate) return 'failed: its time was over'
  return code === 0 ? 'passed' : `failed with exit code ${code}`
}

function commit(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
  const changed = git('status', '--porcelain', '--', '.', ':!docs/verify-slow.md') !== ''
  return `${git('rev-parse', '--short', 'HEAD')}${changed ? ', with changes' : ''}`
}

function asTyped(argument: string): string {
  return argument.includes(' ') ? `'${argument}'` : argument
}

/** Runs a part and writes how it went. True when it passed. */
async function verify(part: SlowPart, minutes: number): Promise<boolean> {
  console.log(`» ${part.name}, ${minutes} min at most`)
  const date = new Date()
  const started = performance.now()
  const ended = await play(part, minutes)
  const result = resultOf(ended)
  if (interrupted()) return false
  const settings = Object.entries(part.env ?? {}).map(([name, value]) => `${name}=${value}`)
  const text = withResult(fs.existsSync(page) ? fs.readFileSync(page, 'utf8') : '', {
    ...part,
    result,
    date,
    commit: commit(),
    seconds: (performance.now() - started) / 1000,
    minutes,
    command: [...settings, 'node', ...part.run(minutes).map(asTyped)].join(' '),
    figures: part.figures(ended.output),
  })
  fs.writeFileSync(page, text)
  console.log(`» ${part.name}: ${result}`)
  return result === 'passed'
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, minutes: { type: 'string' }, list: { type: 'boolean' } },
  })
  if (values.list) {
    for (const { name, minutes, shows } of slowParts) console.log(`${name} (${minutes} min): ${shows}`)
    return
  }
  const wanted = values.only?.split(',') ?? slowParts.map(({ name }) => name)
  const unknown = wanted.filter((name) => !slowParts.some((part) => part.name === name))
  if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(', ')}; --list names them`)
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes)
  if (minutes !== undefined && !(minutes > 0)) throw new Error('--minutes is a number above 0')
  await bringTestPrograms((started) => (child = started))
  if (wanted.includes('site')) await bringBrowser((started) => (child = started))
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const part of slowParts.filter(({ name }) => wanted.includes(name))) {
    if (interrupted()) break
    if (!isThere(part)) {
      console.log(`» ${part.name}: there is no ${part.needs}`)
      counts.skipped += 1
    } else counts[(await verify(part, minutes ?? part.minutes)) ? 'passed' : 'failed'] += 1
  }
  console.log(summaryLine(counts))
  process.exitCode = counts.failed > 0 || interrupted() ? 1 : 0
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}

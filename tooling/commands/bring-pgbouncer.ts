import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { exitCode } from './interruption.ts'

const limitMs = 180_000
/** Without a network it is to fail soon: one file of tests is skipped then, no more. */
const aptOptions = [
  '-qq',
  '-o',
  'Acquire::Retries=0',
  '-o',
  'Acquire::http::Timeout=15',
  '-o',
  'DPkg::Lock::Timeout=30',
]

/**
 * Installs PgBouncer where that takes nobody's consent: on a Debian whose root we are. Elsewhere, and where it fails,
 * says so; the tests that need it are skipped and say so as well. `onChild` is told of every program that is started.
 */
export async function bringPgBouncer(onChild: (child: ChildProcess) => void): Promise<void> {
  if (isThere('pgbouncer')) return
  if (process.getuid?.() !== 0 || !isThere('apt-get')) {
    say('there is no pgbouncer on this machine: its tests are skipped (on Debian: apt-get install pgbouncer)')
    return
  }
  say('installing pgbouncer with apt-get, for its tests (once)')
  const started = performance.now()
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`
  const progress = setInterval(() => say(`still on it (${seconds()})`), 5_000)
  try {
    await aptGet(['update'], onChild)
    await aptGet(['install', '-y', '--no-install-recommends', 'pgbouncer'], onChild)
    say(`it is there (${seconds()})`)
  } catch (error) {
    say(`pgbouncer could not be installed, its tests are skipped: ${String(error)}`)
  } finally {
    clearInterval(progress)
  }
}

async function aptGet(args: readonly string[], onChild: (child: ChildProcess) => void): Promise<void> {
  const child = spawn('apt-get', [...aptOptions, ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: limitMs,
  })
  onChild(child)
  let complaint = ''
  child.stderr.on('data', (text: Buffer) => (complaint += text.toString()))
  const code = await exitCode(child)
  if (code !== 0) throw new Error(`apt-get ${args.join(' ')} ended with ${code}\n${complaint.trimEnd()}`)
}

function isThere(program: string): boolean {
  const directories = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin']
  return directories.some((directory) => fs.existsSync(path.join(directory, program)))
}

function say(line: string): void {
  console.log(`» ${line}`)
}

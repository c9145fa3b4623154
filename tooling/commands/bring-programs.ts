import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { findOtherPostgres } from '../postgres-binaries.ts'
import { findRedisServer, installAdvice } from '../redis.ts'
import { exitCode } from './interruption.ts'

const limitMs = 180_000
const aptOptions = [
  '-qq',
  '-o',
  'Acquire::Retries=0',
  '-o',
  'Acquire::http::Timeout=15',
  '-o',
  'DPkg::Lock::Timeout=30',
]
/** The one of Debian 12: the store is tested on it beside the newest one. */
const otherPostgres = 'postgresql-15'
/** Where Debian puts programs that only root is expected to start. */
const rootsDirectories = ['/usr/sbin', '/usr/local/sbin']

type OnChild = (child: ChildProcess) => void

/**
 * Brings `redis-server`, PgBouncer and a second version of PostgreSQL for the tests. Without one of the latter two says
 * so; the tests that need it are skipped and say so as well.
 *
 * @throws Error that asks for `redis-server` where it is missing and could not be installed
 */
export async function bringTestPrograms(onChild: OnChild): Promise<void> {
  await installMissing(['redis-server', 'pgbouncer', otherPostgres], onChild)
  if (!isThere('pgbouncer')) {
    say('there is no pgbouncer on this machine: its tests are skipped (on Debian: apt-get install pgbouncer)')
  }
  if (!isThere(otherPostgres)) {
    say(
      `there is no PostgreSQL of another version here: its tests are skipped (on Debian: apt-get install ${otherPostgres})`,
    )
  }
  requireRedisServer('The tests need a redis-server on PATH.')
}

/**
 * Brings `redis-server` alone.
 *
 * @throws Error that asks for it where it is missing and could not be installed
 */
export async function bringRedisServer(onChild: OnChild): Promise<void> {
  await installMissing(['redis-server'], onChild)
  requireRedisServer('There is no redis-server on PATH.')
}

/**
 * Brings the Chromium that looks at the site.
 *
 * @throws Error that asks for it where it is missing and could not be installed
 */
export async function bringBrowser(onChild: OnChild): Promise<void> {
  await installMissing(['chromium'], onChild)
  if (!isThere('chromium')) throw new Error('There is no chromium on PATH (on Debian: apt-get install chromium).')
}

function requireRedisServer(complaint: string): void {
  if (!findRedisServer()) throw new Error(`${complaint} ${installAdvice}.`)
}

/**
 * Installs what is not there where that takes nobody's consent: on a Debian whose root we are. No service is started.
 * `onChild` is told of every program that is started.
 */
async function installMissing(programs: readonly string[], onChild: OnChild): Promise<void> {
  const missing = programs.filter((program) => !isThere(program))
  if (missing.length > 0 && process.getuid?.() === 0 && isThere('apt-get')) await installWithApt(missing, onChild)
}

async function installWithApt(programs: readonly string[], onChild: OnChild): Promise<void> {
  const names = programs.join(' and ')
  say(`installing ${names} with apt-get (once)`)
  const started = performance.now()
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`
  const progress = setInterval(() => say(`still on it (${seconds()})`), 5_000)
  try {
    await aptGet(['update'], onChild)
    await withoutServices(async () => {
      // One by one: the tests can do without one of them.
      for (const program of programs) await aptGet(['install', '-y', '--no-install-recommends', program], onChild)
    })
    say(`there now (${seconds()})`)
  } catch (error) {
    say(`${names} could not be installed: ${String(error)}`)
  } finally {
    clearInterval(progress)
  }
}

async function aptGet(args: readonly string[], onChild: OnChild): Promise<void> {
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

const servicePolicy = '/usr/sbin/policy-rc.d'

/** Debian starts what it installs, unless this program says no. One that the machine has decides for itself. */
async function withoutServices(install: () => Promise<void>): Promise<void> {
  if (fs.existsSync(servicePolicy)) return install()
  fs.writeFileSync(servicePolicy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    await install()
  } finally {
    fs.rmSync(servicePolicy)
  }
}

function isThere(program: string): boolean {
  if (program === otherPostgres) return findOtherPostgres() !== null
  const directories = [...(process.env['PATH'] ?? '').split(path.delimiter), ...rootsDirectories]
  return directories.some((directory) => fs.existsSync(path.join(directory, program)))
}

function say(line: string): void {
  console.log(`» ${line}`)
}

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, giveTo, KeptServer, serverDeadlineMs } from './kept-server.ts'
import { serverAccount } from './postgres-binaries.ts'
import { meet } from './servers-met.ts'

export interface PgBouncerOptions {
  /** Connections to the server at most, for each database. Default 10. */
  readonly poolSize?: number
  /** More lines of `pgbouncer.ini`. */
  readonly settings?: Readonly<Record<string, string>>
}

/** A private PgBouncer in transaction mode, before every database of a server. It dies with the process that started it. */
export interface PgBouncer {
  /** As the given one, through the pooler. */
  readonly url: string
  readonly port: number
  /** Like `1.18.0`. */
  readonly version: string
  stop(): Promise<void>
}

/** The program, or null where this machine has none. */
export function findPgBouncer(): string | null {
  const directories = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin']
  const found = directories.map((directory) => path.join(directory, 'pgbouncer')).find((file) => fs.existsSync(file))
  return found ?? null
}

/** For the name of a test that is skipped without the program. */
export const withoutPgBouncer = findPgBouncer()
  ? ''
  : ' (skipped: there is no pgbouncer in PATH or /usr/sbin; apt-get install pgbouncer)'

/** Whether it can keep prepared statements in transaction mode: since 1.21. */
export function knowsPreparedStatements(): boolean {
  const program = findPgBouncer()
  if (!program) return false
  const [major = 0, minor = 0] = versionOf(program).split('.').map(Number)
  return major > 1 || minor >= 21
}

/**
 * Starts PgBouncer on a free port of 127.0.0.1. Startup parameters and LISTEN get what they get by default.
 *
 * @throws Error where there is no PgBouncer
 * @example
 * const bouncer = await startPgBouncer(process.env.DATABASE_URL)
 * await use(bouncer.url)
 * await bouncer.stop()
 */
export async function startPgBouncer(serverUrl: string, options: PgBouncerOptions = {}): Promise<PgBouncer> {
  const program = findPgBouncer()
  if (!program) throw new Error('there is no pgbouncer in PATH or /usr/sbin')
  const version = versionOf(program)
  meet(`PgBouncer ${version}`)
  const account = serverAccount()
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-pgbouncer-'))
  const port = await freePort()
  const config = path.join(scratch, 'pgbouncer.ini')
  fs.writeFileSync(config, configOf(new URL(serverUrl), port, options))
  for (const file of [scratch, config]) giveTo(account, file)
  const log = path.join(scratch, 'log')
  const server = new KeptServer({ name: 'PgBouncer', command: [program, config], scratch, log, account })
  const deadline = Date.now() + serverDeadlineMs
  while (!(await isOpen(port))) {
    if (!server.running || Date.now() > deadline) throw new Error(`PgBouncer did not start. ${server.lastWords}`)
    await delay(10)
  }
  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return { url: url.href, port, version, stop: () => server.dispose() }
}

function versionOf(program: string): string {
  const said = execFileSync(program, ['--version'], { encoding: 'utf8' })
  return /\d+\.\d+\.\d+/.exec(said)?.[0] ?? said.trim()
}

function configOf(server: URL, port: number, { poolSize = 10, settings = {} }: PgBouncerOptions): string {
  const { hostname, username, password } = server
  // It takes no empty one.
  const secret = password === '' ? '' : `password=${quoted(decodeURIComponent(password))}`
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: String(poolSize),
    max_client_conn: '300',
    ...settings,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
  return `[databases]
* = host=${hostname} port=${server.port || 5432} user=${quoted(decodeURIComponent(username))} ${secret}
[pgbouncer]
${lines.join('\n')}
`
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('connect', () => {
      resolve(true)
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
  })
}

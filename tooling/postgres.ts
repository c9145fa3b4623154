import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { type Account, findPostgresBinaries, serverAccount } from './postgres-binaries.ts'

/** What a private server can be asked for. */
export interface PostgresOptions {
  /** Server settings, as in `postgres -c name=value`, for example `{ max_connections: '20' }`. Default: none. */
  readonly settings?: Readonly<Record<string, string>>
  /** Called with one line of text when something slow begins. Default: silent. */
  readonly onProgress?: (line: string) => void
}

/** A private PostgreSQL server. Its data is in a temporary directory, and it dies with the process that started it. */
export interface PostgresServer {
  /** The superuser's URL. It stays the same over `kill` and `start`. */
  readonly url: string
  readonly port: number
  /** The server's log file. */
  readonly log: string
  /** Sends SIGKILL to the server's main process, as a crash would. The data stays; `start()` recovers it. */
  kill(): Promise<void>
  /** Starts the server again after `kill()` or `stop()`, on the same port and data. */
  start(): Promise<void>
  /** Ends the server at once but cleanly: connections are cut, transactions rolled back. The data stays. */
  stop(): Promise<void>
  /** Stops the server and deletes its data. */
  dispose(): Promise<void>
}

const startDeadlineMs = 60_000

/** Passed as text, because the borrowed account may not be able to read this directory. */
const keeperScript = fs.readFileSync(new URL('postgres-keeper.sh', import.meta.url), 'utf8')

/**
 * Starts a private PostgreSQL server on a free port of 127.0.0.1, with nothing installed beforehand, as root too.
 *
 * @throws Error that asks for `DATABASE_URL` where no PostgreSQL can run
 * @example
 * const server = await startFreshPostgres({ settings: { max_connections: '20' } })
 * try {
 *   await use(server.url)
 * } finally {
 *   await server.dispose()
 * }
 */
export async function startFreshPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  if (process.platform === 'win32') {
    throw new Error('A private PostgreSQL server is not supported on Windows: set DATABASE_URL, or use WSL')
  }
  options.onProgress?.('starting a private PostgreSQL server')
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnFreePort(options.settings ?? {})
    } catch (error) {
      // Between finding a free port and taking it, another process may have been faster.
      if (attempt === 3 || !String(error).includes('Address already in use')) throw error
    }
  }
}

async function startOnFreePort(settings: Readonly<Record<string, string>>): Promise<PostgresServer> {
  const account = serverAccount()
  const scratch = makeScratchDirectory(account)
  let server: PrivateServer | undefined
  try {
    // Anybody on this machine can reach the port, hence the password.
    const password = randomBytes(12).toString('hex')
    fs.writeFileSync(path.join(scratch, 'password'), password)
    giveTo(account, path.join(scratch, 'password'))
    const binaries = findPostgresBinaries(account, scratch)
    server = new PrivateServer({ account, scratch, binaries, password, port: await freePort() }, settings)
    await server.start()
    return server
  } catch (error) {
    await server?.dispose()
    fs.rmSync(scratch, { recursive: true, force: true })
    throw error
  }
}

interface Home {
  readonly account: Account
  readonly scratch: string
  readonly binaries: string
  readonly password: string
  readonly port: number
}

class PrivateServer implements PostgresServer {
  readonly url: string
  readonly port: number
  readonly log: string
  readonly #pidFile: string
  readonly #keeper: ChildProcess
  readonly #pipe: Duplex
  readonly #keeperGone: Promise<unknown>
  #state: 'running' | 'ended' = 'running'
  /** Of a server that has ended: its pid file may still say "ready". */
  #formerPid: number | undefined

  constructor({ account, scratch, binaries, password, port }: Home, settings: Readonly<Record<string, string>>) {
    this.port = port
    this.url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
    this.log = path.join(scratch, 'server.log')
    this.#pidFile = path.join(scratch, 'data/postmaster.pid')
    const all = { port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings }
    const log = fs.openSync(this.log, 'a')
    giveTo(account, this.log)
    this.#keeper = spawn(
      '/bin/sh',
      ['-c', keeperScript, 'postgres-keeper', binaries, scratch].concat(
        Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ),
      // detached: a Ctrl-C in the terminal is ours to act on; the server must outlive those who still use it.
      { ...account, detached: true, stdio: ['ignore', log, log, 'pipe'], cwd: '/', env: serverEnvironment() },
    )
    fs.closeSync(log)
    this.#keeperGone = once(this.#keeper, 'exit')
    this.#pipe = this.#keeper.stdio[3] as Duplex
    this.#pipe.on('data', () => (this.#state = 'ended')) // The keeper says only one thing: "ended".
    this.#pipe.on('error', () => {}) // The keeper is gone; `#keeperGone` tells.
    this.#letProcessEnd()
  }

  async start(): Promise<void> {
    const deadline = Date.now() + startDeadlineMs
    for (;;) {
      if (this.#state === 'ended') this.#tell('start')
      if (await this.#becameReady(deadline)) return
      if (Date.now() > deadline || this.#formerPid === undefined) {
        throw new Error(`PostgreSQL did not start. Its log ends with:\n${lastLines(this.log)}`)
      }
      // After a kill the old backends hold the shared memory for up to a second, and a new server refuses to start.
      await delay(100)
    }
  }

  async kill(): Promise<void> {
    const pid = this.#status()?.pid
    if (pid === undefined) throw new Error('there is no running PostgreSQL server to kill')
    process.kill(pid, 'SIGKILL')
    await this.#untilEnded(pid)
  }

  async stop(): Promise<void> {
    if (this.#state === 'ended') return
    const pid = this.#status()?.pid
    this.#tell('stop')
    await this.#untilEnded(pid)
  }

  async dispose(): Promise<void> {
    this.#pipe.end()
    this.#keeper.ref()
    await this.#keeperGone
  }

  #tell(word: 'start' | 'stop'): void {
    if (word === 'start') this.#state = 'running'
    this.#pipe.write(`${word}\n`)
  }

  async #becameReady(deadline: number): Promise<boolean> {
    while (Date.now() < deadline && this.#state === 'running' && this.#keeper.exitCode === null) {
      const status = this.#status()
      if (status?.ready && status.pid !== this.#formerPid) return true
      await delay(10)
    }
    return false
  }

  async #untilEnded(pid: number | undefined): Promise<void> {
    this.#formerPid = pid
    const deadline = Date.now() + startDeadlineMs
    while (this.#state === 'running') {
      if (Date.now() > deadline) throw new Error(`PostgreSQL did not end. Its log ends with:\n${lastLines(this.log)}`)
      await delay(5)
    }
  }

  /** From the server's own pid file: the first line is its pid, the eighth says "ready" when it accepts connections. */
  #status(): { pid: number; ready: boolean } | undefined {
    let text: string
    try {
      text = fs.readFileSync(this.#pidFile, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    const lines = text.split('\n')
    return { pid: Number(lines[0]), ready: lines[7]?.trim() === 'ready' }
  }

  /** A process that forgot to dispose of its server can end all the same; the keeper then cleans up. */
  #letProcessEnd(): void {
    this.#keeper.unref()
    if (this.#pipe instanceof net.Socket) this.#pipe.unref()
  }
}

/** The temporary directory of this process may be closed to the borrowed account; the machine's own ones are not. */
function makeScratchDirectory(account: Account): string {
  const parents = [os.tmpdir(), '/var/tmp', '/tmp']
  const parent = parents.find((directory) => canEnter(account, directory))
  if (!parent) throw new Error(`PostgreSQL's account can enter none of ${parents.join(', ')}`)
  const scratch = fs.mkdtempSync(path.join(fs.realpathSync(parent), 'pikku-postgres-'))
  giveTo(account, scratch)
  return scratch
}

function canEnter(account: Account, directory: string): boolean {
  try {
    execFileSync('/bin/sh', ['-c', 'cd "$1"', 'sh', directory], { ...account, cwd: '/', stdio: 'ignore' })
    return true
  } catch {
    return false // The exit code is the answer.
  }
}

function giveTo({ uid, gid }: Account, file: string): void {
  if (uid !== undefined && gid !== undefined) fs.chownSync(file, uid, gid)
}

/** Without the PG… variables, which would change what the programs do. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' }
}

async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as net.AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

function lastLines(file: string): string {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trimEnd().split('\n').slice(-15).join('\n') : '(no log)'
}

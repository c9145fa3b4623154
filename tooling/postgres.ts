import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Account, freePort, giveTo, KeptServer, serverDeadlineMs } from './kept-server.ts'
import { findPostgresBinaries, serverAccount } from './postgres-binaries.ts'

export { findOtherPostgres, serverAccount } from './postgres-binaries.ts'

/** What a private server can be asked for. */
export interface PostgresOptions {
  /** Server settings, as in `postgres -c name=value`, for example `{ max_connections: '20' }`. Default: none. */
  readonly settings?: Readonly<Record<string, string>>
  /** The directory of its programs. Default: what `findPostgresBinaries` finds. */
  readonly binaries?: string
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
      return await startOnFreePort(options)
    } catch (error) {
      // Between finding a free port and taking it, another process may have been faster.
      if (attempt === 3 || !String(error).includes('Address already in use')) throw error
    }
  }
}

async function startOnFreePort({ settings = {}, ...options }: PostgresOptions): Promise<PostgresServer> {
  const account = serverAccount()
  const scratch = makeScratchDirectory(account)
  let server: PrivateServer | undefined
  try {
    // Anybody on this machine can reach the port, hence the password.
    const password = randomBytes(12).toString('hex')
    fs.writeFileSync(path.join(scratch, 'password'), password)
    giveTo(account, path.join(scratch, 'password'))
    const binaries = options.binaries ?? findPostgresBinaries(account, scratch)
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
  readonly #server: KeptServer
  #wasReady = false

  constructor({ account, scratch, binaries, password, port }: Home, settings: Readonly<Record<string, string>>) {
    this.port = port
    this.url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
    this.log = path.join(scratch, 'server.log')
    const data = path.join(scratch, 'data')
    this.#pidFile = path.join(data, 'postmaster.pid')
    const all = { port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings }
    const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    this.#server = new KeptServer({
      name: 'PostgreSQL',
      command: [path.join(binaries, 'postgres'), '-D', data, ...flags],
      prepare: `${quoted(path.join(binaries, 'initdb'))} -D ${quoted(data)} ${initFlags} --pwfile=${quoted(path.join(scratch, 'password'))}`,
      scratch,
      log: this.log,
      account,
    })
  }

  async start(): Promise<void> {
    const deadline = Date.now() + serverDeadlineMs
    for (;;) {
      if (!this.#server.running) this.#server.start()
      if (await this.#becameReady(deadline)) return
      if (Date.now() > deadline || !this.#wasReady) {
        throw new Error(`PostgreSQL did not start. ${this.#server.lastWords}`)
      }
      // After a kill the old backends hold the shared memory for up to a second, and a new server refuses to start.
      await delay(100)
    }
  }

  kill(): Promise<void> {
    return this.#server.kill()
  }

  stop(): Promise<void> {
    return this.#server.stop()
  }

  dispose(): Promise<void> {
    return this.#server.dispose()
  }

  async #becameReady(deadline: number): Promise<boolean> {
    while (Date.now() < deadline && this.#server.running) {
      const status = this.#status()
      // The pid file of a server that was killed still says "ready".
      if (status?.ready && status.pid === this.#server.pid) {
        this.#wasReady = true
        return true
      }
      await delay(10)
    }
    return false
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
}

const initFlags = '-U postgres --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-instructions --no-sync'

/** For the shell. */
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

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

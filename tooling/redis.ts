import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { freePort, KeptServer, serverDeadlineMs } from './kept-server.ts'

export { freePort } from './kept-server.ts'

/** What a private server can be asked for. */
export interface RedisOptions {
  /** Directives, as in `redis.conf`, for example `{ 'maxmemory-policy': 'allkeys-lru' }`. Default: see `defaults`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Called with one line of text when something slow begins. Default: silent. */
  readonly onProgress?: (line: string) => void
}

/** A private Redis server. Its data is in a temporary directory, and it dies with the process that started it. */
export interface RedisServer {
  /** With its password. It stays the same over `kill` and `start`. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly password: string
  /** The server's log file. */
  readonly log: string
  /** Sends SIGKILL to the server, as a crash would. The data stays; `start()` reads it from the append-only file. */
  kill(): Promise<void>
  /** Starts the server again after `kill()` or `stop()`, on the same port and data; ready when this resolves. */
  start(): Promise<void>
  /** Ends the server at once but cleanly. The data stays. */
  stop(): Promise<void>
  /** Stops the server and deletes its data. */
  dispose(): Promise<void>
}

/** With an append-only file: what a killed process had been answered is there after a restart. */
const defaults: Readonly<Record<string, string>> = {
  bind: '127.0.0.1',
  save: '""',
  appendonly: 'yes',
  // Fast. A kill can take what was answered while the file was being synced: tests that kill ask for `always`.
  appendfsync: 'everysec',
  daemonize: 'no',
}

/**
 * Starts a private Redis server on a free port of 127.0.0.1.
 *
 * @throws Error that asks for `redis-server` where there is none
 * @example
 * const server = await startFreshRedis()
 * try {
 *   await use(new Redis(server.url))
 * } finally {
 *   await server.dispose()
 * }
 */
export async function startFreshRedis(options: RedisOptions = {}): Promise<RedisServer> {
  options.onProgress?.('starting a private Redis server')
  return onFreePort(async (port) => {
    const server = new PrivateRedis(port, randomBytes(12).toString('hex'), options.settings ?? {})
    await server.startFirst()
    return server
  })
}

/**
 * Repeats `start` when somebody else was faster to take the port. The ports are below those that the system hands out,
 * and a node of a cluster needs the one 10,000 above it as well.
 */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const port = 15_000 + Math.floor(Math.random() * 7_000)
    try {
      await freePort(port)
      await freePort(port + 10_000)
      return await start(port)
    } catch (error) {
      if (attempt === 20 || !/EADDRINUSE|Address already in use/.test(String(error))) throw error
    }
  }
}

/** One `redis-server` process. */
export class PrivateRedis implements RedisServer {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly password: string
  readonly url: string
  readonly log: string
  readonly #server: KeptServer

  constructor(port: number, password: string, settings: Readonly<Record<string, string>>) {
    const program = findRedisServer()
    if (!program)
      throw new Error(
        `There is no redis-server on PATH. ${installAdvice}, or set REDIS_URL to a server that may be used.`,
      )
    const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-redis-'))
    this.port = port
    this.password = password
    this.url = `redis://:${password}@${this.host}:${port}`
    this.log = path.join(scratch, 'server.log')
    // Anybody on this machine can reach the port, hence the password; in a file, because arguments are for all to see.
    const secrets = { requirepass: password, masterauth: password }
    const all = { ...defaults, port: String(port), dir: `"${scratch}"`, ...secrets, ...settings }
    const config = path.join(scratch, 'redis.conf')
    const lines = Object.entries(all).map(([name, value]) => `${name} ${value}\n`)
    fs.writeFileSync(config, lines.join(''), { mode: 0o600 })
    this.#server = new KeptServer({ name: 'redis-server', command: [program, config], scratch, log: this.log })
  }

  /** For a server that was just made: one that does not come up leaves nothing behind. */
  async startFirst(): Promise<void> {
    try {
      await this.#becomeReady()
    } catch (error) {
      await this.dispose()
      throw error
    }
  }

  async start(): Promise<void> {
    if (!this.#server.running) this.#server.start()
    await this.#becomeReady()
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

  /** One command, on a connection of its own. */
  async ask(command: string, ...args: readonly string[]): Promise<string> {
    const { host, port, password } = this
    const redis = new Redis({ host, port, password, lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: null })
    // An error also rejects the command it concerns.
    redis.on('error', () => {})
    try {
      await redis.connect()
      return String(await redis.call(command, ...args))
    } finally {
      redis.disconnect()
    }
  }

  async #becomeReady(): Promise<void> {
    const deadline = Date.now() + serverDeadlineMs
    for (;;) {
      let problem: unknown
      try {
        // The server answers an error while it loads its data.
        await this.ask('PING')
        return
      } catch (error) {
        problem = error
      }
      if (!this.#server.running || Date.now() > deadline) {
        throw new Error(`redis-server did not start. ${this.#server.lastWords}`, { cause: problem })
      }
      await delay(10)
    }
  }
}

/** Where the program is; undefined if there is none. */
export function findRedisServer(): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(path.delimiter).filter(Boolean)
  return directories.map((directory) => path.join(directory, 'redis-server')).find((file) => fs.existsSync(file))
}

/** How to get the program. */
export const installAdvice =
  'Install Redis 6.2 or newer (Debian: apt-get install redis-server; macOS: brew install redis)'

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { until } from '../pg-harness.ts'

/** The program, or null where this machine has none. */
export function findPgBouncer(): string | null {
  const directories = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin']
  const found = directories.map((directory) => path.join(directory, 'pgbouncer')).find((file) => fs.existsSync(file))
  return found ?? null
}

/** A PgBouncer of our own in transaction mode, between `url` and its server. */
export class PgBouncer {
  readonly url: string
  readonly #child: ChildProcess
  readonly #home: string

  private constructor(parts: { url: string; child: ChildProcess; home: string }) {
    this.url = parts.url
    this.#child = parts.child
    this.#home = parts.home
  }

  /** Start `program` on a free port. Prepared statements, LISTEN and startup parameters get what they get by default. */
  static async start(program: string, serverUrl: string): Promise<PgBouncer> {
    const port = await freePort()
    const home = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-pgbouncer-'))
    const account = unprivileged()
    const config = path.join(home, 'pgbouncer.ini')
    fs.writeFileSync(config, configOf(new URL(serverUrl), port))
    if (account.uid !== undefined && account.gid !== undefined)
      for (const file of [home, config]) fs.chownSync(file, account.uid, account.gid)
    const child = spawn(program, [config], { ...account, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr?.on('data', (text: Buffer) => (said += text.toString()))
    const url = new URL(serverUrl)
    url.hostname = '127.0.0.1'
    url.port = String(port)
    const bouncer = new PgBouncer({ url: url.href, child, home })
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}:\n${said}`)
      return isOpen(port)
    })
    return bouncer
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL')
      await once(this.#child, 'exit')
    }
    fs.rmSync(this.#home, { recursive: true, force: true })
  }
}

function configOf(server: URL, port: number): string {
  const { hostname, username, password, pathname } = server
  // It takes no empty one.
  const secret = password === '' ? '' : `password=${quoted(decodeURIComponent(password))}`
  const login = `user=${quoted(decodeURIComponent(username))} ${secret}`
  return `[databases]
${pathname.slice(1)} = host=${hostname} port=${server.port || 5432} ${login}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 10
max_client_conn = 200
`
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

/** It refuses to run as root. */
function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => socket.destroy())
    socket.once('connect', () => socket.destroy())
  })
}

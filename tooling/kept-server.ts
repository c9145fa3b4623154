import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

/** The account a server runs as. Empty: the account of this process. */
export interface Account {
  readonly uid?: number
  readonly gid?: number
}

/** A server program, and where it lives. */
export interface ServerProgram {
  readonly name: string
  readonly command: readonly [program: string, ...args: string[]]
  /** A line for the shell that makes what the program needs, run once before its first start. Default: nothing. */
  readonly prepare?: string
  /** Belongs to the account. Deleted in the end. */
  readonly scratch: string
  /** What the program prints is added to this file. */
  readonly log: string
  readonly account?: Account
}

/** How long a server may take to start or to end. */
export const serverDeadlineMs = 60_000

/** Passed as text, because a borrowed account may not be able to read this directory. */
const keeperScript = fs.readFileSync(new URL('keeper.sh', import.meta.url), 'utf8')

/** A private server that dies with the process that started it, however that one ends. */
export class KeptServer {
  readonly #program: ServerProgram
  readonly #keeper: ChildProcess
  readonly #pipe: Duplex
  readonly #keeperGone: Promise<unknown>
  #state: 'running' | 'ended' = 'running'
  #pid: number | undefined

  constructor(program: ServerProgram) {
    this.#program = program
    const { account, log, scratch, prepare = '', command } = program
    const output = fs.openSync(log, 'a')
    if (account) giveTo(account, log)
    this.#keeper = spawn('/bin/sh', ['-c', keeperScript, 'server-keeper', scratch, prepare, ...command], {
      ...account,
      // A Ctrl-C in the terminal is ours to act on; the server must outlive those who still use it.
      detached: true,
      stdio: ['ignore', output, output, 'pipe'],
      cwd: '/',
      // Without what would change what the programs do, such as the PG… variables.
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    })
    fs.closeSync(output)
    this.#keeperGone = once(this.#keeper, 'exit')
    this.#pipe = this.#keeper.stdio[3] as Duplex
    // Lines as short as the keeper's arrive whole.
    this.#pipe.on('data', (text: Buffer) =>
      text
        .toString()
        .trim()
        .split('\n')
        .forEach((line) => this.#hear(line)),
    )
    this.#pipe.on('error', () => {}) // The keeper is gone; `#keeperGone` tells.
    this.#letProcessEnd()
  }

  /** Of the server; undefined while there is none. */
  get pid(): number | undefined {
    return this.#pid
  }

  /** Whether the server runs, or is about to. */
  get running(): boolean {
    return this.#state === 'running' && this.#keeper.exitCode === null
  }

  /** The end of the log, for an error's message. */
  get lastWords(): string {
    const { name, log } = this.#program
    const text = fs.existsSync(log)
      ? fs.readFileSync(log, 'utf8').trimEnd().split('\n').slice(-15).join('\n')
      : '(none)'
    return `The log of ${name} ends with:\n${text}`
  }

  /** Tells it to start once more. Whether it has become ready is for the caller to find out. */
  start(): void {
    this.#state = 'running'
    this.#pipe.write('start\n')
  }

  /** Sends SIGKILL, as a crash would, and waits for the end. The data stays. */
  async kill(): Promise<void> {
    if (this.#pid === undefined) throw new Error(`there is no running ${this.#program.name} to kill`)
    process.kill(this.#pid, 'SIGKILL')
    await this.#untilEnded()
  }

  /** Ends the server at once but cleanly. The data stays. */
  async stop(): Promise<void> {
    if (this.#state === 'ended') return
    this.#pipe.write('stop\n')
    await this.#untilEnded()
  }

  /** Stops the server and deletes its directory. */
  async dispose(): Promise<void> {
    this.#pipe.end()
    this.#keeper.ref()
    await this.#keeperGone
  }

  #hear(line: string): void {
    const [word, value] = line.split(' ')
    this.#pid = word === 'started' ? Number(value) : undefined
    if (word === 'ended') this.#state = 'ended'
  }

  async #untilEnded(): Promise<void> {
    const deadline = Date.now() + serverDeadlineMs
    while (this.#state === 'running') {
      if (Date.now() > deadline) throw new Error(`${this.#program.name} did not end. ${this.lastWords}`)
      await delay(5)
    }
  }

  /** A process that forgot to dispose of its server can end all the same; the keeper then cleans up. */
  #letProcessEnd(): void {
    this.#keeper.unref()
    if (this.#pipe instanceof net.Socket) this.#pipe.unref()
  }
}

/** Lets the account of a server write this file or directory. */
export function giveTo({ uid, gid }: Account, file: string): void {
  if (uid !== undefined && gid !== undefined) fs.chownSync(file, uid, gid)
}

/** A port of 127.0.0.1 that nobody listens on: this one, if it is given, else any. */
export async function freePort(wanted = 0): Promise<number> {
  const probe = net.createServer().listen(wanted, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as net.AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

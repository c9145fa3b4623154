import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Answer, Message, OpenRequest, Played, PlayRequest, Request, Usage } from './programs/protocol.ts'

/** They end by themselves when this process is gone, unless they are frozen. */
const children = new Set<ChildProcess>()
process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')))

/** One process of a system under measurement: started for its turn and gone after it. */
export class Player {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #lastId = 0
  #entered = 0
  #complaints = ''
  /** Killed, though it may not have been seen to end yet, or frozen: it answers nothing. */
  #isLost = false

  private constructor(child: ChildProcess) {
    this.#child = child
    children.add(child)
    child.once('exit', () => children.delete(child))
    child.on('message', (answer: Answer) => this.#hear(answer))
    child.stderr?.on('data', (text: Buffer) => {
      this.#complaints = (this.#complaints + text.toString()).slice(-4_000)
    })
    child.once('exit', (code, signal) => this.#giveUp(`the process ended (${signal ?? code})`))
    child.once('error', (error) => this.#giveUp(error.message))
  }

  /** Starts the program and opens its system; ready to play when this resolves. */
  static async start(program: URL, request: OpenRequest): Promise<Player> {
    // Of the arguments of this process only what decides where packages are taken from.
    const conditions = process.execArgv.filter((flag) => flag.startsWith('--conditions='))
    const execArgv = [...conditions, '--expose-gc', '--disable-warning=ExperimentalWarning']
    const child = fork(program, { execArgv, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    const player = new Player(child)
    try {
      await player.#ask({ ask: 'open', ...request })
    } catch (error) {
      await player.kill()
      throw error
    }
    return player
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** How many steps were entered that never end here. */
  get entered(): number {
    return this.#entered
  }

  async play(request: PlayRequest): Promise<Played> {
    return (await this.#ask({ ask: 'play', ...request })) as Played
  }

  async usage(): Promise<Usage> {
    return (await this.#ask({ ask: 'usage' })) as Usage
  }

  signal(signal: NodeJS.Signals): void {
    this.#isLost ||= signal === 'SIGKILL' || signal === 'SIGSTOP'
    this.#child.kill(signal)
  }

  /** Lets the system close itself; what has not ended after ten seconds is killed. */
  async stop(): Promise<void> {
    if (this.#isOver() || this.#isLost) return this.kill()
    await Promise.race([this.#ask({ ask: 'close' }), delay(10_000, undefined, { ref: false })])
    await this.kill()
  }

  async kill(): Promise<void> {
    if (this.#isOver()) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }

  #isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  #ask(request: Request): Promise<unknown> {
    if (this.#isOver()) return Promise.reject(new Error(`the process has ended: ${this.#complaints}`))
    const id = ++this.#lastId
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#waiting.set(id, { resolve, reject })
    this.#child.send({ id, request } satisfies Message, (error) => {
      if (error) reject(error)
    })
    return promise
  }

  #hear(answer: Answer): void {
    if ('event' in answer) {
      this.#entered += 1
      return
    }
    const waiter = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if ('error' in answer) waiter?.reject(new Error(answer.error))
    else waiter?.resolve(answer.value)
  }

  #giveUp(reason: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(`${reason}: ${this.#complaints.trim()}`))
    this.#waiting.clear()
  }
}

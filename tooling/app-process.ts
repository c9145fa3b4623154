import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'

/** What a child is started with. */
export interface ChildSetup {
  readonly name: string
  /** Of the server. */
  readonly url: string
  /** Its schema, or prefix. */
  readonly place: string
  readonly leaseMs: number
  /** How long its step holds the main thread when it is asked to. */
  readonly blockMs: number
}

export type ToChild =
  | {
      readonly kind: 'start'
      readonly workflow: 'inline' | 'rpc'
      readonly input: 'block' | 'wait'
      readonly runId: string
    }
  /** Let the steps that wait return. */
  | { readonly kind: 'release' }
  | { readonly kind: 'close' }

export type FromChild =
  | { readonly kind: 'ready' | 'entered' | 'left'; readonly name: string }
  | { readonly kind: 'event'; readonly name: string; readonly event: string }
  | { readonly kind: 'error'; readonly name: string; readonly message: string }

/** A process of its own with a workflow service in inline mode, and what it told. */
export class AppProcess {
  readonly told: FromChild[] = []
  readonly #child: ChildProcess
  readonly #name: string

  /** `program` reads its setup from its first argument. */
  constructor(program: URL, setup: ChildSetup) {
    this.#name = setup.name
    this.#child = fork(program, [JSON.stringify(setup)], {
      execArgv: ['--conditions=pikku-source'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child.on('message', (told: FromChild) => this.told.push(told))
  }

  count(kind: FromChild['kind']): number {
    return this.told.filter((told) => told.kind === kind).length
  }

  async has(kind: FromChild['kind'], ms = 30_000): Promise<void> {
    const deadline = Date.now() + ms
    while (this.count(kind) === 0) {
      if (this.#hasEnded) throw new Error(`process ${this.#name} ended early: ${JSON.stringify(this.told)}`)
      if (Date.now() > deadline) throw new Error(`process ${this.#name} has not told '${kind}' within ${ms} ms`)
      await delay(5)
    }
  }

  tell(told: ToChild): void {
    this.#child.send(told)
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** End it, however it is. */
  async kill(): Promise<void> {
    if (this.#hasEnded) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }
}

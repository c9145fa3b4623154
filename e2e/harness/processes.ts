import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { eventually } from './deadline.ts'

interface TestProcessOptions {
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
  readonly args?: readonly string[]
}

/** A process under test; what it prints is kept for when something goes wrong. */
export class TestProcess {
  readonly #child: ChildProcess
  readonly #name: string
  output = ''

  /** `file`: a TypeScript file, relative to `cwd`. */
  constructor(file: string, { cwd, env = {}, args = [] }: TestProcessOptions) {
    this.#name = file
    this.#child = spawn(process.execPath, ['--import', 'tsx', file, ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (text: Buffer) => (this.output += text.toString()))
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async printed(pattern: RegExp, withinMs = 30_000): Promise<RegExpExecArray> {
    return eventually(
      `${this.#name} prints ${pattern}`,
      () => {
        if (this.ended) throw new Error(`${this.#name} ended early:\n${this.output}`)
        return pattern.exec(this.output) ?? undefined
      },
      withinMs,
    )
  }

  /** The exit code; null when a signal ended it. */
  async exit(): Promise<number | null> {
    if (!this.ended) await once(this.#child, 'close')
    return this.#child.exitCode
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Ask it to end. @throws when it does so with another code than 0 */
  async stop(): Promise<void> {
    this.signal('SIGTERM')
    const code = await this.exit()
    if (code !== 0) throw new Error(`${this.#name} ended with ${code}:\n${this.output}`)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.exit()
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { exitCode } from '../commands/interruption.ts'

/** None of what is rehearsed takes so long; a program that hangs is to say which it was. */
const limitMs = 300_000

export interface Outcome {
  readonly output: string
  readonly ms: number
}

/** Runs programs as somebody outside this repository would, and ends them with the rehearsal. */
export class Shell {
  readonly #env: NodeJS.ProcessEnv
  readonly #running = new Set<ChildProcess>()
  #over = false

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env
  }

  /** Runs a line such as `npm install some-package` and waits for its end. @throws Error with what it printed, when it fails */
  async run(line: string, cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    const started = performance.now()
    const { child, printed } = this.#spawn(line, cwd, env)
    const overdue = setTimeout(() => endGroup(child.pid ?? 0, 'SIGKILL'), limitMs)
    const code = await exitCode(child).finally(() => clearTimeout(overdue))
    if (performance.now() - started > limitMs)
      throw new Error(`\`${line}\` took more than ${limitMs / 1000} s\n${printed()}`)
    if (code !== 0) throw new Error(`\`${line}\` ended with ${code} in ${cwd}\n${printed()}`)
    return { output: printed(), ms: performance.now() - started }
  }

  /** Starts a line and waits until it prints this. It runs on, until `endAll`. */
  async start(
    line: string,
    cwd: string,
    { until, env = {} }: { until: RegExp; env?: NodeJS.ProcessEnv },
  ): Promise<void> {
    const { child, printed } = this.#spawn(line, cwd, env)
    await new Promise<void>((resolve, reject) => {
      const look = () => until.test(printed()) && resolve()
      child.stdout?.on('data', look)
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`\`${line}\` ended with ${code} too early\n${printed()}`)))
    })
  }

  /** Ends what still runs; nothing can be started any more. */
  interrupt(signal: NodeJS.Signals): void {
    this.#over = true
    for (const { pid } of this.#running) if (pid !== undefined) endGroup(pid, signal)
  }

  async endAll(): Promise<void> {
    const ended = [...this.#running].map((child) => exitCode(child))
    for (const { pid } of this.#running) if (pid !== undefined) endGroup(pid, 'SIGTERM')
    await Promise.all(ended)
  }

  #spawn(line: string, cwd: string, env: NodeJS.ProcessEnv): { child: ChildProcess; printed: () => string } {
    if (this.#over) throw new Error('interrupted')
    // A group of its own: npm starts what it runs through a shell of its own, and signals do not get through.
    const child = spawn(line, {
      cwd,
      shell: true,
      detached: true,
      env: { ...this.#env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#running.add(child)
    child.once('exit', () => this.#running.delete(child))
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (text += part.toString()))
    return { child, printed: () => text }
  }
}

function endGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return // It was faster.
    throw error
  }
}

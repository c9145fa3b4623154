import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const graceMs = 5_000

/** Run `npx pikku`: what the app imports is generated. */
export function generate(): void {
  const cli = fileURLToPath(new URL('cli.js', import.meta.resolve('@pikku/cli')))
  const { status, stderr } = spawnSync(process.execPath, [cli], { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`pikku failed:\n${stderr}`)
}

/** The processes of the demo. They end with it, however it ends. */
export class Processes {
  readonly #running = new Map<number, { name: string; child: ChildProcess }>()
  #stopping = false

  /** Resolves with the line that tells that the process is ready. */
  async start(name: string, file: string, env: NodeJS.ProcessEnv = {}): Promise<{ pid: number; line: string }> {
    if (this.#stopping) throw new Error('the demo is over')
    const child = spawn(process.execPath, ['--import', 'tsx', file], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    await once(child, 'spawn')
    const pid = child.pid ?? 0
    this.#running.set(pid, { name, child })
    createInterface(child.stderr).on('line', (line) => console.error(`  [${name}] ${line}`))
    const line = await readyLine(name, child)
    return { pid, line }
  }

  nameOf(pid: number): string {
    return this.#running.get(pid)?.name ?? `process ${pid}`
  }

  kill(pid: number): void {
    process.kill(pid, 'SIGKILL')
  }

  async stop(): Promise<void> {
    this.#stopping = true
    const children = [...this.#running.values()].map(({ child }) => child)
    await Promise.all(children.filter(isAlive).map(end))
  }
}

function readyLine(name: string, child: ChildProcess & { stdout: NodeJS.ReadableStream }): Promise<string> {
  return new Promise((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      if (/ is ready$|^listening on /.test(line)) resolve(line)
    })
    child.once('exit', (code, signal) => reject(new Error(`${name} ended before it was ready (${code ?? signal})`)))
  })
}

const isAlive = (child: ChildProcess) => child.exitCode === null && child.signalCode === null

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const overdue = setTimeout(() => child.kill('SIGKILL'), graceMs)
  await exited
  clearTimeout(overdue)
}

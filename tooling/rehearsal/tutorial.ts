import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { freePort } from '../kept-server.ts'
import { until } from '../until.ts'

const root = path.resolve(import.meta.dirname, '../..')
const page = path.join(root, 'docs/tutorial.md')
const sources = 'docs/examples/tutorial/'

/** What the tutorial's reader sees. */
export interface Played {
  /** The order whose worker was killed while it was charged, as soon as that was done. */
  readonly whileDead: string
  /** The same order once it had ended, and its history. */
  readonly end: string
  readonly history: string
  /** The order whose card is declined. */
  readonly declined: string
  readonly declinedHistory: string
  /** What the warehouse, the bank and the carrier have printed. */
  readonly outside: string
  /** Of the worker that was killed, and of the one after it. */
  readonly pids: readonly [number, number]
}

/** The files that the page tells its reader to write, and nothing else. */
export function filesOfThePage(): ReadonlyMap<string, string> {
  const whole = [...fs.readFileSync(page, 'utf8').matchAll(/^<!-- source: (\S+) -->\n\n```\w+\n([\s\S]*?)^```$/gm)]
  return new Map(whole.map(([, file = '', text = '']) => [file.replace(sources, ''), text]))
}

/** The lines of one of the page's fences of commands. */
export function commandsOfThePage(region: string): readonly string[] {
  const fence = new RegExp(
    `^<!-- source: ${sources}commands\\.sh #${region} -->\\n\\n\`\`\`bash\\n([\\s\\S]*?)^\`\`\`$`,
    'm',
  )
  const [, lines] = fence.exec(fs.readFileSync(page, 'utf8')) ?? []
  if (lines === undefined) throw new Error(`docs/tutorial.md does not show the commands '${region}'`)
  return lines.trimEnd().split('\n')
}

/**
 * Plays the tutorial in a folder where its app is installed and generated: one order whose worker is killed while the
 * bank charges, and one whose card is declined. No process is left, however it ends.
 *
 * @throws Error with what every process printed, when something does not happen
 */
export async function playTutorial(folder: string, databaseUrl: string): Promise<Played> {
  const [port, outsidePort] = [await freePort(), await freePort()]
  const env = { DATABASE_URL: databaseUrl, PORT: String(port), OUTSIDE_PORT: String(outsidePort) }
  const running: Program[] = []
  const start = async (file: string, ready: RegExp) => {
    const program = new Program(file, { folder, env })
    running.push(program)
    await program.prints(ready)
    return program
  }
  const ask = async (order: string, data?: object) => {
    const init = data ? { method: 'POST', body: JSON.stringify(data) } : {}
    return (await fetch(`http://127.0.0.1:${port}/orders/${order}`, init)).text()
  }
  const ended = async (order: string) => {
    await until(`order ${order} has ended`, async () => !(await ask(order)).startsWith('running'), 60_000)
    return ask(order)
  }
  try {
    const outside = await start('src/outside.ts', /ready/)
    const first = await start('src/worker.ts', /ready, its pid is \d+/)
    await start('src/api.ts', /ready/)

    await ask('1001', { item: 'chair', quantity: 2, amount: 180 })
    await outside.prints(/^charges: done/m)
    await first.kill()
    const whileDead = await ask('1001')
    const second = await start('src/worker.ts', /ready, its pid is \d+/)
    const end = await ended('1001')
    const history = await ask('1001/history')

    await ask('1002', { item: 'throne', quantity: 1, amount: 5000 })
    const declined = await ended('1002')
    const declinedHistory = await ask('1002/history')
    const pids = [first.pid, second.pid] as const
    return { whileDead, end, history, declined, declinedHistory, outside: outside.output, pids }
  } catch (error) {
    const printed = running.map(({ file, output }) => `--- ${file}\n${output}`).join('\n')
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${printed}`, { cause: error })
  } finally {
    await Promise.all(running.map((each) => each.kill()))
  }
}

/** One of the tutorial's programs. */
class Program {
  readonly file: string
  readonly #child: ChildProcess
  output = ''

  constructor(file: string, { folder, env }: { readonly folder: string; readonly env: NodeJS.ProcessEnv }) {
    this.file = file
    this.#child = spawn(process.execPath, ['--import', 'tsx', file], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (text: Buffer) => (this.output += text.toString()))
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async prints(pattern: RegExp): Promise<void> {
    await until(
      `${this.file} prints ${pattern}`,
      () => {
        if (this.#hasEnded) throw new Error(`${this.file} ended early`)
        return pattern.test(this.output)
      },
      30_000,
    )
  }

  async kill(): Promise<void> {
    if (this.#hasEnded) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }
}

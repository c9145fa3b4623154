import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const preload = pathToFileURL(path.join(import.meta.dirname, 'reroute.mjs')).href

/** Where the document's servers are in a test: what it calls `localhost:5432` and `localhost:6379`, as URLs. */
export type Servers = Readonly<Partial<Record<'localhost:5432' | 'localhost:6379', string>>>

/** A process of an app; what connects to the document's servers in it reaches `servers`. */
export class AppProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>
  output = ''

  constructor(file: string, { folder, servers }: { folder: string; servers: Servers }) {
    const routes = Object.entries(servers).map(([place, url]) => [place, new URL(url).host])
    const { username, password } = new URL(servers['localhost:5432'] ?? 'postgresql://nobody@localhost')
    this.#child = spawn(process.execPath, ['--import', 'tsx', file], {
      cwd: folder,
      env: {
        ...process.env,
        NODE_OPTIONS: `--import ${preload}`,
        REROUTE: JSON.stringify(Object.fromEntries(routes)),
        // The document's URLs name neither user nor password: for PostgreSQL they come from the environment, as ever.
        PGUSER: decodeURIComponent(username),
        PGPASSWORD: decodeURIComponent(password),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (text: Buffer) => (this.output += text.toString()))
    this.#ended = once(this.#child, 'close').then(([code]) => code as number | null)
  }

  /** The first match in what it printed, as soon as it is there. */
  async printed(pattern: RegExp, withinMs = 30_000): Promise<RegExpExecArray> {
    const deadline = Date.now() + withinMs
    for (;;) {
      const found = pattern.exec(this.output)
      if (found) return found
      if (this.#child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`did not print ${pattern}; it printed:\n${this.output}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** Its exit code, when it has ended by itself. */
  ended(): Promise<number | null> {
    return this.#ended
  }

  /** Asks it to end. */
  terminate(): void {
    this.#child.kill('SIGTERM')
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL')
    await this.#ended
  }
}

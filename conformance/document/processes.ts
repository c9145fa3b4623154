import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const preload = pathToFileURL(path.join(import.meta.dirname, 'reroute.mjs')).href

/** A process of an app; what connects to the document's servers in it reaches `server`. */
export class AppProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>
  output = ''

  constructor(file: string, { folder, server }: { folder: string; server: string }) {
    const { hostname, port, username, password } = new URL(server)
    this.#child = spawn(process.execPath, ['--import', 'tsx', file], {
      cwd: folder,
      env: {
        ...process.env,
        NODE_OPTIONS: `--import ${preload}`,
        REROUTE: JSON.stringify({ 'localhost:5432': `${hostname}:${port}` }),
        // The document's URLs name neither user nor password: those come from the environment, as for any client.
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

  async terminate(): Promise<number | null> {
    this.#child.kill('SIGTERM')
    return this.#ended
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL')
    await this.#ended
  }
}

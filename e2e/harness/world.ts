import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Entry } from '../app/src/ledger.js'
import { closeServices, createSingletonServices, type Servers, type SingletonServices } from '../app/src/services.js'
import { createRpc } from '../app/src/workflows/pikku.workflows.gen.js'
import { eventually } from './deadline.ts'
import { TestProcess } from './processes.ts'

const app = path.resolve(import.meta.dirname, '../app')

/** Servers, a ledger, workers as processes, and this process to start runs from. */
export class World {
  readonly #servers: Servers
  readonly services: SingletonServices
  readonly rpc: ReturnType<typeof createRpc>
  readonly #ledger = mkdtempSync(path.join(tmpdir(), 'pikku-e2e-'))
  readonly #processes: TestProcess[] = []

  static async open(servers: Servers): Promise<World> {
    return new World(servers, await createSingletonServices(servers))
  }

  private constructor(servers: Servers, services: SingletonServices) {
    this.#servers = servers
    this.services = services
    this.rpc = createRpc(services)
  }

  async startWorker(env: NodeJS.ProcessEnv = {}): Promise<TestProcess> {
    const worker = this.spawnWorker(env)
    await worker.printed(/^ready$/m)
    return worker
  }

  spawnWorker(env: NodeJS.ProcessEnv = {}): TestProcess {
    return this.spawn('src/worker.ts', env)
  }

  /** Another program of the app. */
  spawn(file: string, env: NodeJS.ProcessEnv = {}): TestProcess {
    const spawned = new TestProcess(file, { cwd: app, env: { ...this.#servers, LEDGER: this.#ledger, ...env } })
    this.#processes.push(spawned)
    return spawned
  }

  worker(pid: number): TestProcess {
    const worker = this.#processes.find((candidate) => candidate.pid === pid)
    if (!worker) throw new Error(`process ${pid} is none of these workers`)
    return worker
  }

  openGate(): void {
    writeFileSync(path.join(this.#ledger, 'gate'), '')
  }

  file(name: string): string {
    return path.join(this.#ledger, name)
  }

  entries(which: Partial<Entry> = {}): Entry[] {
    const file = this.file('ledger.jsonl')
    if (!existsSync(file)) return []
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
    const wanted = Object.entries(which)
    return lines
      .map((line) => JSON.parse(line) as Entry)
      .filter((entry) => wanted.every(([key, value]) => entry[key as keyof Entry] === value))
  }

  /** The first such entry, as soon as it is there. */
  entry(which: Partial<Entry>): Promise<Entry> {
    return eventually(`the ledger has ${JSON.stringify(which)}`, () => this.entries(which)[0])
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.filter((each) => !each.ended).map((each) => each.kill()))
    await closeServices(this.services)
    rmSync(this.#ledger, { recursive: true, force: true })
  }
}

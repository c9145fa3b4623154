import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import postgres from 'postgres'
import type { Entry } from '../app/src/ledger.js'
import { closeServices, createSingletonServices, type SingletonServices } from '../app/src/services.js'
import { createRpc } from '../app/src/workflows/pikku.workflows.gen.js'
import { eventually } from './deadline.ts'
import { TestProcess } from './processes.ts'

const app = path.resolve(import.meta.dirname, '../app')

/** A database of its own on the test server. */
export async function createDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const server = process.env['DATABASE_URL']
  if (!server) throw new Error('DATABASE_URL is not set')
  const name = `e2e_${process.pid}_${Date.now().toString(36)}_${Math.random().toString(36).slice(2, 8)}`
  const url = new URL(server)
  url.pathname = `/${name}`
  const run = async (statement: string) => {
    const sql = postgres(server, { max: 1, onnotice: () => {} })
    try {
      await sql.unsafe(statement)
    } finally {
      await sql.end()
    }
  }
  await run(`create database ${name}`)
  return { url: url.href, drop: () => run(`drop database ${name} with (force)`) }
}

/** A database, a ledger, workers as processes, and this process to start runs from. */
export class World {
  readonly url: string
  readonly services: SingletonServices
  readonly rpc: ReturnType<typeof createRpc>
  readonly #ledger = mkdtempSync(path.join(tmpdir(), 'pikku-e2e-'))
  readonly #workers: TestProcess[] = []

  static async open(url: string): Promise<World> {
    return new World(url, await createSingletonServices(url))
  }

  private constructor(url: string, services: SingletonServices) {
    this.url = url
    this.services = services
    this.rpc = createRpc(services)
  }

  async startWorker(env: NodeJS.ProcessEnv = {}): Promise<TestProcess> {
    const worker = this.spawnWorker(env)
    await worker.printed(/^ready$/m)
    return worker
  }

  spawnWorker(env: NodeJS.ProcessEnv = {}): TestProcess {
    const worker = new TestProcess('src/worker.ts', {
      cwd: app,
      env: { DATABASE_URL: this.url, LEDGER: this.#ledger, ...env },
    })
    this.#workers.push(worker)
    return worker
  }

  worker(pid: number): TestProcess {
    const worker = this.#workers.find((candidate) => candidate.pid === pid)
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
    await Promise.all(this.#workers.filter((worker) => !worker.ended).map((worker) => worker.kill()))
    await closeServices(this.services)
    rmSync(this.#ledger, { recursive: true, force: true })
  }
}

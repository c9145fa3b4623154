import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Resources, Told } from '../app/src/chaos/control.js'
import { eventually } from '../harness/deadline.ts'
import { Link } from './link.ts'
import type { ChaosServer } from './server.ts'
import type { Version, Versions } from './versions.ts'

/** On a machine that is busy with other things as well. */
const readyWithinMs = 300_000

export type Role = 'worker' | 'api'

/** How a process is stopped, and what it ended with. */
export interface Ending {
  readonly slot: string
  readonly pid: number
  readonly asked: 'SIGKILL' | 'SIGTERM' | null
  readonly wasReady: boolean
  readonly livedMs: number
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly log: string
}

export interface FleetParts {
  readonly server: ChaosServer
  readonly versions: Versions
  /** Where ledgers and logs are. */
  readonly folder: string
  readonly leaseMs: number
  readonly graceMs: number
  /** How long code that may not fit a history gets to ask for what that holds. */
  readonly replayGraceMs: number
}

/** A place for a process: when one has ended, the next one takes it. */
export class Slot {
  readonly name: string
  readonly role: Role
  readonly link: Link
  readonly endings: Ending[] = []
  /** Somebody is doing something to it. */
  disturbed = false
  /** Version of the next process. */
  version: Version = 1
  readonly #parts: FleetParts
  #child: ChildProcess | null = null
  #startedAt = 0
  #log = ''
  #ready = false
  #wasReady = false
  #closed = false
  #asked: Ending['asked'] = null
  #generation = 0
  #port = 0

  constructor(parts: FleetParts, name: string, given: { role: Role; link: Link }) {
    this.#parts = parts
    this.name = name
    this.role = given.role
    this.link = given.link
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Of the process' own HTTP server. */
  get port(): number {
    return this.#port
  }

  get ready(): boolean {
    return this.#ready
  }

  get livedMs(): number {
    return this.#child ? Date.now() - this.#startedAt : 0
  }

  start(): void {
    const { server, versions, folder, leaseMs, graceMs, replayGraceMs } = this.#parts
    const url = server.urlAt(this.link.port)
    this.#log = path.join(folder, 'logs', `${this.name}-${++this.#generation}.log`)
    const output = openSync(this.#log, 'a')
    const flags = ['--expose-gc', '--report-on-signal', `--report-directory=${path.join(folder, 'logs')}`]
    const child = spawn(process.execPath, [...flags, versions.fileOf(this.version, this.role)], {
      env: {
        ...process.env,
        STORE_URL: url,
        QUEUE_URL: url,
        LEDGER: path.join(folder, 'ledger'),
        LEASE_MS: String(leaseMs),
        GRACE_MS: String(graceMs),
        REPLAY_GRACE_MS: String(replayGraceMs),
        NODE_COMPILE_CACHE: path.join(folder, 'compiled'),
      },
      stdio: ['ignore', output, output, 'ipc'],
    })
    closeSync(output)
    this.#child = child
    this.#startedAt = Date.now()
    this.#ready = false
    this.#wasReady = false
    this.#asked = null
    child.on('message', (told: Told) => {
      if (told.kind !== 'ready') return
      this.#port = told.port
      this.#ready = true
      this.#wasReady = true
    })
    child.once('exit', (code, signal) => this.#ended(child, code, signal))
  }

  signal(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT' | 'SIGUSR2'): void {
    if (signal === 'SIGKILL' || signal === 'SIGTERM') {
      this.#asked = signal
      this.#ready = false
    }
    this.#child?.kill(signal)
  }

  /** However often it has to be started for that. */
  async untilReady(): Promise<void> {
    await eventually(`${this.name} is ready (${this.#log})`, () => this.#ready, readyWithinMs)
  }

  async resources(): Promise<Resources> {
    const child = this.#child
    if (!child) throw new Error(`${this.name} has no process`)
    const answer = new Promise<Resources>((resolve) => {
      const hear = (told: Told): void => {
        if (told.kind !== 'resources') return
        child.off('message', hear)
        resolve(told.resources)
      }
      child.on('message', hear)
    })
    child.send('resources')
    return answer
  }

  /** No process is started after this. */
  async close(): Promise<void> {
    this.#closed = true
    const child = this.#child
    child?.kill('SIGCONT')
    child?.kill('SIGKILL')
    await eventually(`${this.name} ends`, () => this.#child === null)
    this.link.close()
  }

  #ended(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    const { pid = 0 } = child
    const livedMs = this.livedMs
    const wasReady = this.#wasReady
    if (!this.#closed)
      this.endings.push({ slot: this.name, pid, asked: this.#asked, wasReady, livedMs, code, signal, log: this.#log })
    this.#child = null
    this.#ready = false
    this.#port = 0
    // What looks after processes somewhere else waits a little too.
    void delay(200).then(() => {
      if (!this.#closed) this.start()
    })
  }
}

/** The processes of one app, each behind a link of its own. */
export class Fleet {
  readonly slots: readonly Slot[]

  static async open(parts: FleetParts, sizes: Readonly<Record<Role, number>>): Promise<Fleet> {
    const roles = (['worker', 'api'] as const).flatMap((role) =>
      Array.from({ length: sizes[role] }, (_, index) => ({ role, name: `${role}-${index}` })),
    )
    const slots = await Promise.all(
      roles.map(async ({ role, name }) => new Slot(parts, name, { role, link: await Link.open(parts.server.port) })),
    )
    const fleet = new Fleet(slots)
    slots.forEach((slot, index) => {
      slot.version = index % 2 === 0 ? 1 : 2
      slot.start()
    })
    await fleet.untilReady()
    return fleet
  }

  private constructor(slots: readonly Slot[]) {
    this.slots = slots
  }

  of(role: Role): readonly Slot[] {
    return this.slots.filter((slot) => slot.role === role)
  }

  /** Those that nobody is doing anything to. */
  calm(role: Role): readonly Slot[] {
    return this.of(role).filter((slot) => slot.ready && !slot.disturbed)
  }

  async untilReady(): Promise<void> {
    await Promise.all(this.slots.map((slot) => slot.untilReady()))
  }

  endings(): readonly Ending[] {
    return this.slots.flatMap((slot) => slot.endings)
  }

  async close(): Promise<void> {
    await Promise.all(this.slots.map((slot) => slot.close()))
  }
}

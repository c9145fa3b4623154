import { setTimeout as delay } from 'node:timers/promises'
import type { Resources } from '../app/src/chaos/control.js'
import { eventually } from '../harness/deadline.ts'
import type { Fleet, Role } from './fleet.ts'
import type { Load } from './load.ts'
import type { ChaosServer } from './server.ts'

/** What an idle fleet holds, before anything was done to it. */
export interface Baseline {
  readonly connections: number
  readonly resources: ReadonlyMap<string, Resources>
}

/** How it stood when everything had ended. */
export interface Quiet {
  readonly before: Baseline
  readonly after: Baseline
  readonly leases: number
  readonly activeMessages: number
  readonly oldestMs: number
  /** Runs that the engine suspended because chaos met one step more than ten times; resumed. */
  readonly resumed: readonly string[]
  readonly complaints: readonly string[]
}

const settleMs = 60_000
/** A collection is not the same twice, and caches are kept: of runs that were parked, of statements, of scripts. */
const heapLeewayBytes = 48 * 2 ** 20

/** Waits for things to end, and looks at what is left. */
export class Calm {
  readonly #fleet: Fleet
  readonly #server: ChaosServer
  readonly #load: Load

  constructor(parts: { fleet: Fleet; server: ChaosServer; load: Load }) {
    this.#fleet = parts.fleet
    this.#server = parts.server
    this.#load = parts.load
  }

  async baseline(): Promise<Baseline> {
    await this.#load.settled()
    await eventually('the runs of the warm-up end', async () => (await this.#server.load()).unended === 0, 180_000)
    await delay(1_000)
    return this.#look()
  }

  async restore(before: Baseline, longestNapMs: number): Promise<Quiet> {
    const complaints: string[] = []
    await this.#fleet.untilReady()
    await this.#bothVersions()
    const resumed: string[] = []
    await this.#untilEnded(longestNapMs * 3 + 120_000, resumed, complaints)
    await this.#load.settled()
    complaints.push(...(await this.#untilIdle(before)))
    const { after, excess } = await this.#untilBack(before)
    complaints.push(...excess)
    const { leases } = await this.#server.load()
    const activeMessages = await this.#server.activeMessages(1e12)
    const oldestMs = Math.max(...this.#fleet.slots.map(({ livedMs }) => livedMs))
    return { before, after, leases, activeMessages, oldestMs, resumed, complaints }
  }

  /** A run that has gone on with one version may fit that one alone. */
  async #bothVersions(): Promise<void> {
    const [first, second] = this.#fleet.of('worker')
    for (const [slot, version] of [
      [first, 1],
      [second, 2],
    ] as const) {
      if (!slot || slot.version === version) continue
      slot.version = version
      const ended = slot.endings.length
      slot.signal('SIGTERM')
      await eventually(`${slot.name} ends`, () => slot.endings.length > ended, 2 * settleMs)
      await slot.untilReady()
    }
  }

  /** All but those that are to be suspended. */
  async #untilEnded(withinMs: number, resumed: string[], complaints: string[]): Promise<void> {
    const poison = [...this.#load.started.values()].filter(({ kind }) => kind.startsWith('poison')).length
    const until = Date.now() + withinMs
    for (;;) {
      const { unended } = await this.#server.load()
      const open = await this.#open()
      const suspended = open.filter(({ status }) => status === 'suspended')
      for (const { runId, lost } of suspended) {
        if (this.#load.started.get(runId)?.kind.startsWith('poison') !== false || lost < 10) continue
        resumed.push(runId)
        await this.#load.resume(runId)
      }
      if (open.length <= poison && suspended.length === open.length) return
      if (Date.now() > until) {
        complaints.push(`${unended} runs have not ended ${withinMs} ms after the last fault, among them:`)
        complaints.push(...open.slice(0, 10).map(({ runId, status }) => `  ${runId}, ${status}`))
        return
      }
      await delay(500)
    }
  }

  /** Runs that have not ended, and how many attempts each has lost. */
  async #open(): Promise<{ runId: string; status: string; lost: number }[]> {
    const records = this.#server.records()
    try {
      const { runs } = await records.reader.listRuns({ statuses: ['running', 'suspended'], limit: 200 })
      return await Promise.all(
        runs.map(async ({ runId, status, crashes }) => {
          if (status !== 'suspended') return { runId, status, lost: 0 }
          const steps = await records.reader.listSteps(runId)
          return { runId, status, lost: Math.max(crashes, ...steps.map(({ lost }) => lost)) }
        }),
      )
    } finally {
      await records.close()
    }
  }

  async #untilIdle(before: Baseline): Promise<string[]> {
    const until = Date.now() + settleMs
    for (;;) {
      const { leases } = await this.#server.load()
      // Only those of the dead are older than every process.
      const messages = await this.#server.activeMessages(Math.min(...this.#fleet.slots.map(({ livedMs }) => livedMs)))
      const connections = await this.#server.connections()
      if (leases === 0 && messages === 0 && connections <= before.connections) return []
      if (Date.now() > until) {
        const left = {
          leases,
          'active messages of those who live': messages,
          connections,
          'connections before': before.connections,
        }
        return [`after everything had ended: ${JSON.stringify(left)}`]
      }
      await delay(500)
    }
  }

  /** Timers come and go: what counts is that they go. */
  async #untilBack(before: Baseline): Promise<{ after: Baseline; excess: readonly string[] }> {
    const until = Date.now() + settleMs
    for (;;) {
      const after = await this.#look()
      const excess = this.#compare(before, after)
      if (excess.length === 0 || Date.now() > until) return { after, excess }
      await delay(500)
    }
  }

  async #look(): Promise<Baseline> {
    const resources = await Promise.all(
      this.#fleet.slots.map(async (slot) => [slot.name, await slot.resources()] as const),
    )
    return { connections: await this.#server.connections(), resources: new Map(resources) }
  }

  /** A process is held against the most that one of its role had open before. */
  #compare(before: Baseline, after: Baseline): string[] {
    return this.#fleet.slots.flatMap(({ name, role }) => {
      const now = after.resources.get(name)
      return now ? excess(name, now, this.#most(role, before)) : [`${name} does not say what it has open`]
    })
  }

  #most(role: Role, { resources }: Baseline): Pick<Resources, 'active' | 'files' | 'heap'> {
    const ofRole = this.#fleet.of(role).flatMap(({ name }) => resources.get(name) ?? [])
    const active: Record<string, number> = {}
    for (const each of ofRole)
      for (const [kind, count] of Object.entries(each.active)) active[kind] = Math.max(active[kind] ?? 0, count)
    const most = (key: 'files' | 'heap'): number => Math.max(...ofRole.map((each) => each[key]))
    return { active, files: most('files'), heap: most('heap') }
  }
}

/** What a process has more than the most that one of its role had. */
export function excess(name: string, now: Resources, most: Pick<Resources, 'active' | 'files' | 'heap'>): string[] {
  const found: string[] = []
  for (const [kind, count] of Object.entries(now.active)) {
    const before = most.active[kind] ?? 0
    if (count > before) found.push(`${name} (pid ${now.pid}) has ${count} ${kind} open, before at most ${before}`)
  }
  if (now.files > most.files)
    found.push(`${name} (pid ${now.pid}) has ${now.files} files open, before at most ${most.files}`)
  const grown = now.heap - most.heap
  if (grown > heapLeewayBytes)
    found.push(`${name} (pid ${now.pid}) uses ${Math.round(grown / 2 ** 20)} MiB more than before`)
  return found
}

import type { RunId, StorePorts, WorkflowAdmin, WorkflowReader, WorkflowStore } from '../../contract/index.ts'
import { checkRunLaws, LawBook } from '../invariants.ts'
import type { OpenStore } from '../store-harness.ts'

/** A case needs something this harness does not offer. */
export class NotOffered extends Error {}

/** One test's store, with every answer held against the laws. */
export class World {
  readonly store: WorkflowStore
  readonly reader: WorkflowReader
  readonly admin: WorkflowAdmin
  readonly ports: StorePorts
  readonly #open: OpenStore
  readonly #laws = new LawBook()

  constructor(open: OpenStore) {
    this.#open = open
    this.ports = this.#laws.watch(open.ports)
    this.store = this.ports.store
    this.reader = this.ports.reader
    this.admin = this.ports.admin
  }

  /** Another process. */
  async sibling(): Promise<StorePorts> {
    return this.#laws.watch(await this.#open.sibling())
  }

  advance(ms: number): Promise<void> {
    return this.#open.advance(ms)
  }

  vanish(owner: string): Promise<void> {
    if (!this.#open.vanish) throw new NotOffered('vanish')
    return this.#open.vanish(owner)
  }

  lockRun(runId: RunId): Promise<() => Promise<void>> {
    if (!this.#open.lockRun) throw new NotOffered('lockRun')
    return this.#open.lockRun(runId)
  }

  /** The bare ports, for what no law foresees: an id that is used again after its run was deleted. */
  unwatched(): StorePorts {
    return this.#open.ports
  }

  async checkLaws(): Promise<void> {
    for (const runId of this.#laws.runIds().slice(0, 60)) await checkRunLaws(this.reader, runId)
  }

  dispose(): Promise<void> {
    return this.#open.dispose()
  }
}

/** One operation's cases, by title. */
export interface StoreTestGroup {
  readonly name: string
  readonly tests: Readonly<Record<string, (world: World) => Promise<void>>>
}

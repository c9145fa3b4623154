import assert from 'node:assert/strict'
import { WorkflowError } from '../../contract/index.ts'
import type { Lease, Run, RunId, Step, StepDetail, StorePorts, WorkItem } from '../../contract/index.ts'
import { LawBook } from '../invariants.ts'
import type { OpenStore } from '../store-harness.ts'

/** What a holder knows, in one store's own numbers. */
export interface Grip {
  readonly lease: Lease
  after: number
  wakeSeq: number
}

/** One of the two stores that must agree, seen from two processes. */
export class Side {
  readonly name: string
  readonly grips = new Map<string, Grip>()
  readonly #open: OpenStore
  readonly #ports: readonly StorePorts[]

  private constructor(name: string, open: OpenStore, ports: readonly StorePorts[]) {
    this.name = name
    this.#open = open
    this.#ports = ports
  }

  static async open(name: string, open: OpenStore): Promise<Side> {
    const laws = new LawBook()
    return new Side(name, open, [laws.watch(open.ports), laws.watch(await open.sibling())])
  }

  /** Process 0 or 1. */
  ports(process: number): StorePorts {
    const ports = this.#ports[process % this.#ports.length]
    assert.ok(ports)
    return ports
  }

  advance(ms: number): Promise<void> {
    return this.#open.advance(ms)
  }

  dispose(): Promise<void> {
    return this.#open.dispose()
  }

  /** Everything a reader sees of these runs, without what may differ. */
  async view(runIds: readonly RunId[]): Promise<unknown> {
    const { reader, store } = this.ports(1)
    const views = runIds.map(async (runId) => {
      const run = await reader.getRun(runId)
      const steps = (await reader.listSteps(runId)).map(plainDetail)
      const attempts = (await reader.listAttempts(runId)).map(({ startedAt, endedAt, ...attempt }) => attempt)
      const changes = await store.readChanges(runId, 0)
      const order = changes.steps.map(({ id }) => `${id.name} ${id.ordinal}`)
      const signals = changes.signals.map(({ signalId }) => signalId)
      return { run: run && plainRun(run), steps, attempts, order, signals }
    })
    return Promise.all(views)
  }
}

/** An answer, or the error that a definite refusal is. */
export async function outcomeOf<T>(call: Promise<T>, plain: (answer: T) => unknown): Promise<unknown> {
  try {
    return plain(await call)
  } catch (error) {
    if (WorkflowError.is(error, 'LEASE_LOST')) return 'LEASE_LOST'
    throw error
  }
}

/** Instants are by another clock: only whether they are set is compared. */
export function plainRun(run: Run): object {
  const { createdAt, updatedAt, endedAt, ...rest } = run
  return { ...rest, ended: endedAt !== null }
}

/** Revisions are numbers of one store: only their order is compared, by the order of the rows. */
export function plainStep(step: Step): object {
  const { id, kind, status, rpcName, inputDigest, output, error, reason, attempt, lost, askedAfter } = step
  const shown = { id, kind, status, rpcName, inputDigest, output, reason, attempt, lost, askedAfter }
  // No timer is the same as one that is over.
  const dueIn10s = Math.max(0, Math.round((step.dueInMs ?? 0) / 10_000))
  return { ...shown, error: status === 'running' ? null : error, settled: step.settledSeq !== null, dueIn10s }
}

function plainDetail(step: StepDetail): object {
  const { worker, startedAt, kind, input } = step
  const begun = kind === 'rpc' || kind === 'inline' ? { worker, started: startedAt !== null } : {}
  return { ...plainStep(step), ...begun, input: kind === 'rpc' ? input : null }
}

/** In an order of their own, and without the dispatch count: the laws see to its keys. */
export function plainItems(items: readonly WorkItem[]): readonly string[] {
  const texts = items.map((item) =>
    item.kind === 'run'
      ? `run ${item.runId} ${item.workflow}${item.held ? ' held' : ''}`
      : `step ${item.runId} ${item.step.name} ${item.step.ordinal} ${item.rpcName} attempt ${item.attempt}`,
  )
  return texts.sort()
}

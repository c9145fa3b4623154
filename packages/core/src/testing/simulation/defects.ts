import type { Changes, Lease, StepOutcome } from '../../contract/index.ts'
import { ParkedRuns } from '../../engine/parked-runs.ts'
import type { ParkedRun } from '../../engine/run-turns.ts'
import type { MemoryStore } from '../../memory/index.ts'
import { stepKey, type MemoryTables } from '../../memory/memory-tables.ts'
import { RequestBook } from '../../replay/request-book.ts'
import type { WrapPorts } from './fleet.ts'

type Overrides = (store: MemoryStore, tables: MemoryTables) => Partial<MemoryStore>

/** A mistake that somebody could make, and the laws it breaks: what a simulation that finds nothing is measured by. */
export interface Defect {
  readonly laws: readonly string[]
  /** Of the store. */
  readonly store?: Overrides
  /** Of the engine, in this process for good. */
  readonly engine?: () => void
}

const canMove = '⑤ what has not ended can move'
const everythingEnds = '⑤ everything ends'
const replays = '⑥ a history replays to its end'
const givenTheSame = '⑩ live and replay are given the same'
const sameAnswer = 'A13: the same call again answers the same'

export const defects: Readonly<Record<string, Defect>> = {
  'the epoch is forgotten': {
    laws: ['③ a superseded lease writes nothing', '③ a live lease is not taken'],
    store: (store, tables) => ({
      commitRun: (lease, turn) => {
        const { epoch = 0, claimId } = tables.runs.get(lease.runId) ?? {}
        return store.commitRun({ ...lease, epoch, claimId: claimId ?? lease.claimId }, turn)
      },
    }),
  },
  'nothing is swept': {
    laws: [everythingEnds],
    store: (store) => ({
      sweep: async (ask) => ({ ...(await store.sweep(ask)), items: [] }),
    }),
  },
  'a step settles twice': {
    laws: ['① a result is recorded once'],
    store: (store, tables) => ({
      settleStep: async (lease, outcome) => {
        const settled = await store.settleStep(lease, outcome)
        if (settled === null) overwrite(tables, lease, outcome)
        return settled
      },
    }),
  },
  'a settlement wakes nobody': {
    laws: [canMove],
    store: (store, tables) => ({
      settleStep: async (lease, outcome) => {
        const settled = await store.settleStep(lease, outcome)
        const run = tables.runs.get(lease.runId)
        if (!settled || settled.settledSeq === null || !run || run.leaseUntil !== null) return settled
        run.wakeSeq = run.readWakeSeq
        run.rungAt = null
        return { ...settled, wake: [] }
      },
    }),
  },
  'the order is turned round': {
    laws: ['oldest change first'],
    store: (store) => ({
      claimRun: async (ask) => {
        const claim = await store.claimRun(ask)
        return claim && 'history' in claim ? { ...claim, history: turnedRound(claim.history) } : claim
      },
      commitRun: async (lease, turn) => {
        const committed = await store.commitRun(lease, turn)
        return committed.released ? committed : turnedRound(committed)
      },
    }),
  },
  'a repeated claim is a second one': {
    laws: [sameAnswer],
    store: (store, tables) => ({
      claimRun: (ask) => {
        const isRepeated = tables.runs.get(ask.runId)?.claimId === ask.claimId
        return store.claimRun(isRepeated ? { ...ask, claimId: `${ask.claimId} again` } : ask)
      },
    }),
  },
  'a turn that was applied is forgotten': {
    laws: [sameAnswer, everythingEnds, '② an ended run never changes'],
    store: (store, tables) => ({
      commitRun: (lease, turn) => {
        const run = tables.runs.get(lease.runId)
        if (run) run.lastTurn = null
        return store.commitRun(lease, turn)
      },
    }),
  },
  'an ended run can be cancelled': {
    laws: ['② an ended run never changes'],
    store: (store, tables) => ({
      cancelRun: async (runId, reason) => {
        const cancelled = await store.cancelRun(runId, reason)
        const run = tables.runs.get(runId)
        if (run?.endedAt !== null && run?.status === 'completed') run.status = 'cancelled'
        return cancelled
      },
    }),
  },
  'sleeps end when anybody looks': {
    laws: ['a sleep ends no earlier than it is due'],
    store: (store, tables) => ({
      claimRun: (ask) => {
        for (const step of tables.runs.get(ask.runId)?.steps.values() ?? [])
          if (step.kind === 'sleep' && step.dueAt !== null) step.dueAt = tables.now()
        return store.claimRun(ask)
      },
    }),
  },
  'a live lease can be taken': {
    laws: ['③ a live lease is not taken'],
    store: (store, tables) => ({
      claimRun: (ask) => {
        const run = tables.runs.get(ask.runId)
        if (run?.leaseUntil != null && run.claimId !== ask.claimId) run.leaseUntil = null
        return store.claimRun(ask)
      },
    }),
  },
  'a parked replay outlives its lease': {
    laws: [canMove, everythingEnds, replays, givenTheSame],
    engine: () => {
      const kept = new WeakMap<object, Map<string, ParkedRun>>()
      const { put } = ParkedRuns.prototype
      ParkedRuns.prototype.put = function (runId, parked) {
        const own = kept.get(this) ?? new Map<string, ParkedRun>()
        kept.set(this, own.set(runId, parked))
        put.call(this, runId, parked)
      }
      ParkedRuns.prototype.take = function (runId) {
        return kept.get(this)?.get(runId) ?? null
      }
    },
  },
  'a settled step stays open': {
    laws: [canMove, everythingEnds],
    engine: () => {
      const { takeWaiter } = RequestBook.prototype
      RequestBook.prototype.takeWaiter = function (id) {
        const waiter = takeWaiter.call(this, id)
        Object.defineProperty(this, 'open', { value: this.open + 1, configurable: true })
        return waiter
      }
    },
  },
}

/** The ports with this mistake in their store. */
export function withDefect(name: string | undefined): WrapPorts {
  const { store: overrides } = (name === undefined ? undefined : defects[name]) ?? {}
  if (!overrides) return (ports) => ports
  return (ports, tables) => {
    const own = overrides(ports.store, tables)
    const store = new Proxy(ports.store, {
      get: (target, key) => {
        const value: unknown = Reflect.get(own, key) ?? Reflect.get(target, key, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    return { ...ports, store }
  }
}

function overwrite(tables: MemoryTables, lease: Lease, outcome: StepOutcome): void {
  const step = lease.step && tables.runs.get(lease.runId)?.steps.get(stepKey(lease.step))
  if (step?.settledSeq != null && outcome.kind === 'succeeded') step.output = `${outcome.output} `
}

function turnedRound<T extends Changes>(changes: T): T {
  return { ...changes, steps: [...changes.steps].reverse() }
}

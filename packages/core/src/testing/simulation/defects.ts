import type { Changes, Lease, StepOutcome, WorkflowReader } from '../../contract/index.ts'
import { ParkedRuns } from '../../engine/parked-runs.ts'
import type { ParkedRun } from '../../engine/run-turns.ts'
import type { MemoryStore } from '../../memory/index.ts'
import { stepKey, type MemoryTables, type RunRow, type StepRow } from '../../memory/memory-tables.ts'
import { RequestBook } from '../../replay/request-book.ts'
import { QueueWorkers } from '../../service/queue-workers.ts'
import type { WrapPorts } from './fleet.ts'

type Overrides = (store: MemoryStore, tables: MemoryTables) => Partial<MemoryStore>

/** A mistake that somebody could make: what a simulation that finds nothing is measured by. */
export interface Defect {
  /** What it breaks: the law it is planted for, and others that may be broken before that one. */
  readonly laws: readonly string[]
  /** Of the store. */
  readonly store?: Overrides
  /** Of the reader. */
  readonly reader?: (reader: WorkflowReader) => Partial<WorkflowReader>
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
      claimRun: async (ask) => {
        const claim = await store.claimRun(ask)
        const run = tables.runs.get(ask.runId)
        if (claim === null && run && run.claimId !== ask.claimId && (run.leaseUntil ?? 0) > tables.now()) {
          Object.assign(run, { epoch: run.epoch + 1, owner: ask.owner, claimId: ask.claimId })
        }
        return claim
      },
    }),
  },
  'an epoch is given out twice': {
    laws: ['③ an epoch belongs to one claim'],
    store: (store, tables) => ({ claimRun: afterClaims(store, tables, (run, before) => (run.epoch = before)) }),
  },
  'epochs begin anew': {
    laws: ['③ epochs only grow'],
    store: (store, tables) => ({ claimRun: afterClaims(store, tables, (run) => (run.epoch = 1)) }),
  },
  'wakes are taken back': {
    laws: ['④ wakes are not taken back'],
    store: (store, tables) => ({
      claimRun: afterClaims(store, tables, (run) => {
        run.wakeSeq = 0
        run.readWakeSeq = 0
      }),
    }),
  },
  'revisions begin anew': {
    laws: ['④ revisions only grow'],
    store: (store, tables) => ({ claimRun: afterClaims(store, tables, (run) => (run.revision = 0)) }),
  },
  'two settlements share a place': {
    laws: ['④ the order of settlements grows'],
    store: (store, tables) => ({
      settleStep: afterSettling(store, tables, (_run, step) => {
        if (step.settledSeq !== null) step.settledSeq = 1
      }),
    }),
  },
  'when a step settled is not kept': {
    laws: ['the record of a run is sound'],
    store: (store, tables) => ({
      settleStep: afterSettling(store, tables, (_run, step) => (step.settledAt = null)),
    }),
  },
  'a first attempt that failed does not count': {
    laws: ['⑦ side effects match attempts'],
    store: (store, tables) => ({
      settleStep: afterSettling(store, tables, (run, step) => {
        if (step.settledSeq !== null || step.attempt !== 1) return
        step.attempt = 0
        run.attempts.pop()
      }),
    }),
  },
  'a retry begins whenever it is rung': {
    laws: ['a retry begins no earlier than it is due'],
    store: (store, tables) => ({
      claimStep: (ask) => {
        const step = tables.runs.get(ask.runId)?.steps.get(stepKey(ask.step))
        if (step && step.dueAt !== null) step.dueAt = tables.now()
        return store.claimStep(ask)
      },
    }),
  },
  'a run is completed with nothing': {
    laws: ['a run ends as it should'],
    store: (store) => ({
      commitRun: (lease, turn) => {
        const { next } = turn
        return store.commitRun(
          lease,
          next.kind === 'complete' ? { ...turn, next: { ...next, output: '[null]' } } : turn,
        )
      },
    }),
  },
  'results of an ended run are lost': {
    laws: [replays],
    store: (store, tables) => ({ sweep: losingResults(store, tables, () => true) }),
  },
  'results of an ended run that it did not return are lost': {
    laws: [givenTheSame],
    store: (store, tables) => ({
      sweep: losingResults(store, tables, (run, result) => !run.output?.includes(result)),
    }),
  },
  'a suspended run fails when anybody sweeps': {
    laws: ['② only legal moves'],
    store: (store, tables) => ({
      sweep: (ask) => {
        for (const run of tables.runs.values()) if (run.status === 'suspended') run.status = 'failed'
        return store.sweep(ask)
      },
    }),
  },
  'whoever waits is told that it was cancelled': {
    laws: ['whoever waits is told how it ended'],
    reader: (reader) => ({
      getRun: async (runId) => {
        const run = await reader.getRun(runId)
        return run?.status === 'completed' ? { ...run, status: 'cancelled', output: null, reason: 'somebody' } : run
      },
    }),
  },
  'workers never stop': {
    laws: ['a process stops in time'],
    engine: () => {
      QueueWorkers.prototype.close = () => new Promise(() => undefined)
    },
  },
  'an error that nobody hears of': {
    laws: ['A7: no rejection is left unhandled'],
    store: (store) => ({
      sweep: (ask) => {
        void Promise.reject(new Error('unheard'))
        return store.sweep(ask)
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
  const { store, reader } = (name === undefined ? undefined : defects[name]) ?? {}
  return (ports, tables) => ({
    ...ports,
    ...(store ? { store: over(ports.store, store(ports.store, tables)) } : {}),
    ...(reader ? { reader: over(ports.reader, reader(ports.reader)) } : {}),
  })
}

function over<Port extends object>(port: Port, own: Partial<Port>): Port {
  return new Proxy(port, {
    get: (target, key) => {
      const value: unknown = Reflect.get(own, key) ?? Reflect.get(target, key, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/** From then on steps of completed runs have another result, as long as somebody sweeps. */
function losingResults(
  store: MemoryStore,
  tables: MemoryTables,
  isLost: (run: RunRow, result: string) => boolean,
): MemoryStore['sweep'] {
  return (ask) => {
    const completed = [...tables.runs.values()].filter(({ status }) => status === 'completed')
    for (const run of completed) {
      for (const step of run.steps.values()) {
        const [, result] = /^\["(.+)"\]$/.exec(step.output ?? '') ?? []
        if (result !== undefined && isLost(run, result)) step.output = '["lost"]'
      }
    }
    return store.sweep(ask)
  }
}

/** A claim that took a run which had been claimed before: told its row and the epoch until then. */
function afterClaims(
  store: MemoryStore,
  tables: MemoryTables,
  change: (run: RunRow, before: number) => void,
): MemoryStore['claimRun'] {
  return async (ask) => {
    const before = tables.runs.get(ask.runId)?.epoch ?? 0
    const claim = await store.claimRun(ask)
    const run = tables.runs.get(ask.runId)
    if (run?.epoch === before + 1 && before > 1) change(run, before)
    return claim
  }
}

function afterSettling(
  store: MemoryStore,
  tables: MemoryTables,
  change: (run: RunRow, step: StepRow) => void,
): MemoryStore['settleStep'] {
  return async (lease, outcome) => {
    const settled = await store.settleStep(lease, outcome)
    const run = tables.runs.get(lease.runId)
    const step = lease.step && run?.steps.get(stepKey(lease.step))
    if (settled && run && step) change(run, step)
    return settled
  }
}

function overwrite(tables: MemoryTables, lease: Lease, outcome: StepOutcome): void {
  const step = lease.step && tables.runs.get(lease.runId)?.steps.get(stepKey(lease.step))
  if (step?.settledSeq != null && outcome.kind === 'succeeded') step.output = `${outcome.output} `
}

function turnedRound<T extends Changes>(changes: T): T {
  return { ...changes, steps: [...changes.steps].reverse() }
}

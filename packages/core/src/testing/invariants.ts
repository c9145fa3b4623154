import assert from 'node:assert/strict'
import type {
  Changes,
  Lease,
  Run,
  RunId,
  Step,
  StorePorts,
  WorkflowReader,
  WorkflowStore,
  WorkItem,
} from '../contract/index.ts'
import { isEnded, isSettled } from '../domain/run-state.ts'

/** The laws one run's final state must obey, whatever happened to it. */
export async function checkRunLaws(reader: WorkflowReader, runId: RunId): Promise<void> {
  const run = await reader.getRun(runId)
  if (!run) return
  checkRun(run)
  const steps = await reader.listSteps(runId)
  for (const step of steps) checkStep(step)
  distinct(
    'revision',
    steps.map(({ revision }) => revision),
  )
  distinct(
    'settledSeq',
    steps.flatMap(({ settledSeq }) => settledSeq ?? []),
  )
  const attempts = await reader.listAttempts(runId)
  for (const step of steps.filter(({ kind }) => kind === 'rpc' || kind === 'inline')) {
    const own = attempts.filter((one) => keyOf(one.step) === keyOf(step.id))
    assert.ok(own.length <= step.attempt, `step ${keyOf(step.id)} has more attempts on record than were begun`)
    const last = own.at(-1)
    if (isSettled(step.status))
      assert.equal(last?.outcome, step.status, `step ${keyOf(step.id)}: its last attempt settled it`)
    for (const attempt of own) assert.ok(attempt.startedAt <= attempt.endedAt, 'an attempt began before it ended')
  }
}

function checkRun(run: Run): void {
  const told = `run ${run.runId}, ${run.status}`
  assert.equal(run.endedAt !== null, isEnded(run.status), `${told}: endedAt is set exactly when it has ended`)
  assert.equal(run.output !== null, run.status === 'completed', `${told}: output is set exactly when completed`)
  assert.equal(run.error !== null, run.status === 'failed', `${told}: error is set exactly when failed`)
  if (run.status === 'running' || run.status === 'completed') assert.equal(run.reason, null, `${told}: no reason`)
}

function checkStep(step: Step): void {
  const told = `step ${keyOf(step.id)}, ${step.status}`
  const settled = isSettled(step.status)
  assert.equal(step.settledSeq !== null, settled, `${told}: settledSeq is set exactly when settled`)
  assert.equal(step.settledAt !== null, settled, `${told}: settledAt is set exactly when settled`)
  assert.equal(step.output !== null, step.status === 'succeeded', `${told}: output is set exactly when succeeded`)
  if (step.status === 'failed') assert.ok(step.error !== null || step.reason !== null, `${told}: says why`)
  if (settled) assert.equal(step.dueInMs, null, `${told}: no timer`)
}

function distinct(what: string, numbers: readonly number[]): void {
  assert.equal(new Set(numbers).size, numbers.length, `each ${what} is used once: ${numbers.join(' ')}`)
}

function keyOf({ name, ordinal }: { readonly name: string; readonly ordinal: number }): string {
  return `'${name}'#${ordinal}`
}

/**
 * What must hold over time, noted from the answers as they pass: an ended run and a settled step never change, epochs
 * only grow, a dispatch key is never used twice, what is handed over is in order.
 */
export class LawBook {
  readonly #runs = new Map<RunId, Run>()
  readonly #steps = new Map<string, Step>()
  readonly #epochs = new Map<string, Map<number, string>>()
  readonly #dispatches = new Map<string, object>()

  /** The same ports, with every answer held against the laws. */
  watch(ports: StorePorts): StorePorts {
    return { ...ports, store: this.#watchStore(ports.store), reader: this.#watchReader(ports.reader) }
  }

  /** Every run id that was seen. */
  runIds(): RunId[] {
    return [...this.#runs.keys()]
  }

  /** A run as an answer had it. */
  run(run: Run): void {
    const before = this.#runs.get(run.runId)
    if (!before) {
      this.#runs.set(run.runId, run)
      return
    }
    if (isEnded(before.status)) {
      // An answer that was read before the end may arrive after it.
      if (!isEnded(run.status) && run.updatedAt <= before.updatedAt) return
      assert.deepEqual(run, before, 'an ended run never changes again')
    }
    this.#runs.set(run.runId, run)
    const { workflow, input, inputDigest, tags, createdAt } = before
    const fixed = { workflow, input, inputDigest, tags, createdAt }
    const { workflow: name, input: payload, inputDigest: digest, tags: labels, createdAt: born } = run
    const now = { workflow: name, input: payload, inputDigest: digest, tags: labels, createdAt: born }
    assert.deepEqual(now, fixed, 'what a run was created with never changes')
  }

  /** A step as an answer had it. */
  step(runId: RunId, step: Step): void {
    const key = `${runId} ${keyOf(step.id)}`
    const before = this.#steps.get(key)
    if (!before) {
      this.#steps.set(key, step)
      return
    }
    // A read may be older than one that overtook it.
    if (step.revision < before.revision) return
    this.#steps.set(key, step)
    assert.equal(step.kind, before.kind, `${key} keeps its kind`)
    if (isSettled(before.status)) {
      const { status, output, error, reason, settledSeq, settledAt, attempt, revision } = before
      assert.partialDeepStrictEqual(step, { status, output, error, reason, settledSeq, settledAt, attempt, revision })
      return
    }
    if (step.revision > before.revision) return
    const { status, attempt, settledSeq } = before
    assert.partialDeepStrictEqual(step, { status, attempt, settledSeq }, 'a change of a row has a revision of its own')
  }

  /** A lease as a claim was given it. */
  lease(lease: Lease): void {
    const key = `${lease.runId} ${lease.step ? keyOf(lease.step) : ''}`
    const epochs = this.#epochs.get(key) ?? new Map<number, string>()
    this.#epochs.set(key, epochs)
    const known = epochs.get(lease.epoch)
    if (known !== undefined) assert.equal(known, lease.claimId, `epoch ${lease.epoch} of ${key} was given to one claim`)
    epochs.set(lease.epoch, lease.claimId)
  }

  /** `answer` is the identity of one call: the same call again may hand out the same key. */
  items(items: readonly WorkItem[], answer: object): void {
    for (const item of items) {
      if (item.kind === 'run') continue
      const key = `${item.runId} ${keyOf(item.step)} attempt ${item.attempt} dispatch ${item.dispatch}`
      const owner = this.#dispatches.get(key)
      assert.ok(owner === undefined || owner === answer, `the dispatch key is used once: ${key}`)
      this.#dispatches.set(key, answer)
    }
  }

  /** What was read after this revision. */
  changes(runId: RunId, after: number, changes: Changes): void {
    for (const rows of [changes.steps, changes.signals]) {
      rows.reduce((last, { revision }) => {
        assert.ok(revision > last, `oldest change first: ${revision} came after ${last}`)
        return revision
      }, after)
    }
    for (const { revision } of [...changes.steps, ...changes.signals]) {
      assert.ok(
        revision <= changes.revision,
        'nothing handed over is newer than what the answer says it is complete up to',
      )
    }
    for (const step of changes.steps) this.step(runId, step)
  }

  #watchReader(reader: WorkflowReader): WorkflowReader {
    return {
      getRun: async (runId) => {
        const run = await reader.getRun(runId)
        if (run) this.run(run)
        return run
      },
      listSteps: async (runId) => {
        const steps = await reader.listSteps(runId)
        for (const step of steps) this.step(runId, step)
        return steps
      },
      listAttempts: (runId) => reader.listAttempts(runId),
      listRuns: async (query) => {
        const page = await reader.listRuns(query)
        for (const run of page.runs) this.run(run)
        return page
      },
    }
  }

  #watchStore(store: WorkflowStore): WorkflowStore {
    return {
      ...this.#watchRunWrites(store),
      ...this.#watchStepWrites(store),
      enlist: (owner) => store.enlist(owner),
      renewLeases: (leases, leaseMs) => store.renewLeases(leases, leaseMs),
      signalRun: (signal) => store.signalRun(signal),
      cancelRun: (runId, reason) => store.cancelRun(runId, reason),
      sweep: async (ask) => {
        const swept = await store.sweep(ask)
        this.items(swept.items, {})
        return swept
      },
      capabilities: store.capabilities,
      close: () => store.close(),
    }
  }

  #watchRunWrites(store: WorkflowStore): Pick<WorkflowStore, 'createRun' | 'claimRun' | 'commitRun' | 'readChanges'> {
    return {
      createRun: async (run) => {
        const created = await store.createRun(run)
        this.run(created.run)
        return created
      },
      claimRun: async (ask) => {
        const claim = await store.claimRun(ask)
        if (!claim || 'ended' in claim) return claim
        this.lease(claim.lease)
        this.run(claim.history.run)
        this.changes(ask.runId, ask.after, claim.history)
        return claim
      },
      commitRun: async (lease, turn) => {
        const committed = await store.commitRun(lease, turn)
        this.items(committed.wake, this.#call(`${lease.runId} ${lease.epoch} ${turn.number}`))
        if (!committed.released) this.changes(lease.runId, turn.after, committed)
        return committed
      },
      readChanges: async (runId, after) => {
        const changes = await store.readChanges(runId, after)
        this.changes(runId, after, changes)
        return changes
      },
    }
  }

  #watchStepWrites(store: WorkflowStore): Pick<WorkflowStore, 'claimStep' | 'settleStep' | 'releaseStep'> {
    const callOf = (lease: Lease): object =>
      this.#call(`${lease.runId} ${lease.step ? keyOf(lease.step) : ''} ${lease.epoch}`)
    return {
      claimStep: async (ask) => {
        const claim = await store.claimStep(ask)
        if (claim) this.lease(claim.lease)
        return claim
      },
      settleStep: async (lease, outcome) => {
        const settled = await store.settleStep(lease, outcome)
        if (settled) this.items(settled.wake, callOf(lease))
        return settled
      },
      releaseStep: async (lease, how) => {
        const released = await store.releaseStep(lease, how)
        this.items(released.wake, callOf(lease))
        return released
      },
    }
  }

  readonly #calls = new Map<string, object>()

  #call(key: string): object {
    const call = this.#calls.get(key) ?? {}
    this.#calls.set(key, call)
    return call
  }
}

import { randomUUID } from 'node:crypto'
import { LeaseLostError } from '@pikku/core/contract'
import type {
  Changes,
  ClaimRun,
  Committed,
  Lease,
  NewRun,
  Run,
  RunClaim,
  RunId,
  Turn,
  WorkItem,
} from '@pikku/core/contract'
import type { Bucket, RedisLink, Reply } from './connection.ts'
import { createArgs } from './outbox.ts'
import type { Ending, Outbox } from './outbox.ts'
import {
  count,
  list,
  newbornRun,
  runFields,
  runItem,
  text,
  textOrNull,
  toChanges,
  toItem,
  toItems,
  toRun,
} from './rows.ts'
import { partsOf, settledAlone, stepArgs } from './turn-parts.ts'
import type { TurnPart } from './turn-parts.ts'

export interface Created {
  readonly run: Run
  readonly created: boolean
  readonly wake: readonly WorkItem[]
}

export type Claimed = RunClaim | { readonly ended: 'parent' } | null

/** What a run's own turns need. */
export class RunOperations {
  readonly #link: RedisLink
  readonly #outbox: Outbox

  constructor(link: RedisLink, outbox: Outbox) {
    this.#link = link
    this.#outbox = outbox
  }

  async createRun(run: NewRun): Promise<Created> {
    await this.#link.ready()
    const isOrphan = !(await this.#adopt(run))
    const args = createArgs(run, randomUUID(), isOrphan)
    const reply = await this.#link.call('create-run', this.#link.bucketOf(run.runId), args)
    const [isCreated, item, shown = null] = list(reply)
    const created = isCreated === '1'
    // Its parent may have ended between the two, and found no child to tell.
    if (created && run.parent && !isOrphan && !(await this.#adopt(run))) {
      await this.#outbox.tellOrphan(run.runId, run.parent.runId, false)
    }
    return {
      run: created ? newbornRun(run, count(shown)) : await this.#shown(run.runId, shown),
      created,
      wake: toItems(item),
    }
  }

  /** False: it has a parent it is not to outlive, and that one is over. */
  async #adopt({ runId, parent }: NewRun): Promise<boolean> {
    if (parent?.onEnd !== 'cancel') return true
    const adopted = await this.#link.call('adopt-child', this.#link.bucketOf(parent.runId), [parent.runId, runId])
    return adopted !== null
  }

  async claimRun(ask: ClaimRun): Promise<Claimed> {
    await this.#link.ready()
    const { runId, owner, claimId, leaseMs, known, after, limit } = ask
    const worker = known.flatMap(({ name, codeHash }) => [name, codeHash])
    const args = [runId, owner, claimId, leaseMs, after, limit.max, limit.reason, ...worker]
    const reply = await this.#link.call('claim-run', this.#link.bucketOf(runId), args)
    if (reply === null) return null
    if (reply === 'parent') return { ended: 'parent' }
    const [now, epoch, wakeSeq, shown = null, changes = null] = list(reply)
    const run = await this.#shown(runId, shown)
    const history = { ...toChanges(changes, count(now)), run, wakeSeq: count(wakeSeq) }
    return { lease: { runId, owner, claimId, epoch: count(epoch) }, history }
  }

  /** A run as scripts show it; payloads too large for a script are read after it. */
  async #shown(runId: RunId, shown: Reply): Promise<Run> {
    const run = toRun(runId, shown)
    if (list(shown).length === runFields.length) return run
    const bucket = this.#link.bucketOf(runId)
    const [read] = await this.#link.read(bucket, [['hmget', `${bucket.root}:run:${runId}`, 'input', 'output', 'error']])
    const [input, output, error] = list(read)
    return { ...run, input: text(input), output: textOrNull(output), error: textOrNull(error) }
  }

  async commitRun(lease: Lease, turn: Turn): Promise<Committed> {
    await this.#link.ready()
    const bucket = this.#link.bucketOf(lease.runId)
    const committed = await this.#recordStep(bucket, lease, turn)
    return committed ?? this.#commitParts(bucket, lease, turn)
  }

  /** The turn that is nearly every turn, in a script that knows no other. Null: it is another one, or does not apply as it is. */
  async #recordStep(bucket: Bucket, { runId, claimId, epoch }: Lease, turn: Turn): Promise<Committed | null> {
    const record = settledAlone(turn)
    if (!record) return null
    const args = [runId, claimId, epoch, turn.number, turn.after, ...stepArgs(record)]
    const reply = await this.#link.call('record-step', bucket, args)
    if (reply === 'OTHER') return null
    const [now, wakeSeq] = text(reply).split(' ')
    const revision = turn.after + 1
    const recorded = [{ id: record.id, settledSeq: revision, settledAt: count(now) }]
    return {
      released: false,
      steps: [],
      signals: [],
      revision,
      more: false,
      wakeSeq: count(wakeSeq),
      recorded,
      wake: [],
    }
  }

  async #commitParts(bucket: Bucket, lease: Lease, turn: Turn): Promise<Committed> {
    const so: SoFar = { recorded: [], wake: [] }
    for (const part of partsOf(turn)) {
      const committed = await this.#commitPart({ bucket, lease, turn, part }, so)
      if (committed) return committed
    }
    throw new Error('the last part of a turn leaves')
  }

  /** Null: applied, and there is another part. */
  async #commitPart({ bucket, lease, turn, part }: Part, so: SoFar): Promise<Committed | null> {
    const { runId, claimId, epoch } = lease
    const args = [runId, claimId, epoch, turn.number, part.number, turn.after, ...part.args]
    const reply = await this.#link.call('commit-run', bucket, args)
    if (reply === 'LEASE_LOST') throw new LeaseLostError(runId)
    const [kind, nowReply, recorded, made, entries, items, wakeSeq, changes = null] = list(reply)
    const now = count(nowReply)
    for (const row of list(recorded)) {
      const [at, settledSeq, settledAt] = list(row)
      const record = part.record[count(at) - 1]
      if (record) so.recorded.push({ id: record.id, settledSeq: count(settledSeq), settledAt: count(settledAt) })
    }
    const started = list(made).map((row) => this.#begin({ bucket, runId, part }, list(row).map(text)))
    so.wake.push(...(await Promise.all(started)).flat(), ...list(items).map(toItem))
    if (kind === 'part') return null
    so.wake.push(...(await this.#outbox.ended(bucket, entries, { runId, ending: endingOf(turn) })))
    if (kind === 'released') return { released: true, wake: so.wake }
    return { released: false, ...toChanges(changes, now), wakeSeq: count(wakeSeq), ...so }
  }

  /** `made`: the plan's place in its part, and the entry that starts its child. */
  async #begin(at: Beginning, [place, entry]: readonly string[]): Promise<readonly WorkItem[]> {
    const plan = at.part.schedule[Number(place) - 1]
    if (plan?.kind === 'rpc') {
      const { id: step, rpcName } = plan
      return [{ kind: 'step', runId: at.runId, step, rpcName, attempt: 1, dispatch: 0 }]
    }
    if (plan?.kind !== 'child') return []
    // Without an entry it was started when this turn was applied first.
    return entry
      ? this.#outbox.start(at.bucket, entry, plan.child)
      : [runItem(plan.child.runId, plan.child.workflow, false)]
  }

  async readChanges(runId: RunId, after: number): Promise<Changes> {
    await this.#link.ready()
    const reply = await this.#link.call('read-changes', this.#link.bucketOf(runId), [runId, after])
    if (reply === null) return { steps: [], signals: [], revision: after, more: false }
    const [now, changes = null] = list(reply)
    return toChanges(changes, count(now))
  }
}

interface Part {
  readonly bucket: Bucket
  readonly lease: Lease
  readonly turn: Turn
  readonly part: TurnPart
}

interface Beginning {
  readonly bucket: Bucket
  readonly runId: RunId
  readonly part: TurnPart
}

/** What the parts of a turn have done until now. */
interface SoFar {
  readonly recorded: { id: TurnPart['record'][number]['id']; settledSeq: number; settledAt: number }[]
  readonly wake: WorkItem[]
}

function endingOf({ next }: Turn): Ending {
  if (next.kind === 'complete') return ['output', next.output]
  if (next.kind === 'fail') return ['error', next.error]
  return ['reason', next.kind === 'cancel' ? next.reason : '']
}

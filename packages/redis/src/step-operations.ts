import { StoreUnavailableError } from '@pikku/core/contract'
import type { ClaimStep, Lease, Renewed, RunId, Settled, StepClaim, StepOutcome, WorkItem } from '@pikku/core/contract'
import type { Bucket, RedisLink, Reply } from './connection.ts'
import { count, list, stepKey, text, toItems } from './rows.ts'

/** So many leases are renewed by one script: the server waits meanwhile. */
const renewedAtOnce = 25
const lost = 1
const woken = 2

/** What a step worker needs, and whoever holds leases. */
export class StepOperations {
  readonly #link: RedisLink

  constructor(link: RedisLink) {
    this.#link = link
  }

  async claimStep(ask: ClaimStep): Promise<StepClaim | null> {
    await this.#link.ready()
    const { runId, step, owner, claimId, leaseMs, known, limit } = ask
    const bucket = this.#link.bucketOf(runId)
    const args = [runId, stepKey(step), owner, claimId, leaseMs, limit.max, limit.reason, ...known]
    const reply = await this.#link.call('claim-step', bucket, args)
    if (reply === null) return null
    const [epoch, workflow, rpcName, retries, retryDelayMs, attempt, lostBefore, input] = list(reply)
    return {
      lease: { runId, step, owner, claimId, epoch: count(epoch) },
      workflow: text(workflow),
      rpcName: text(rpcName),
      input:
        typeof input === 'string' ? input : text(await this.#link.call('read-input', bucket, [runId, stepKey(step)])),
      policy: { retries: count(retries), retryDelayMs: count(retryDelayMs) },
      attempt: count(attempt),
      lost: count(lostBefore),
    }
  }

  async settleStep({ runId, step, claimId, epoch }: Lease, outcome: StepOutcome): Promise<Settled | null> {
    await this.#link.ready()
    if (!step) return null
    const { kind } = outcome
    const payload = kind === 'succeeded' ? outcome.output : outcome.error
    const args = [runId, stepKey(step), claimId, epoch, kind, payload, kind === 'retry' ? outcome.delayMs : 0]
    const reply = await this.#link.call('settle-step', this.#link.bucketOf(runId), args)
    if (reply === null) return null
    const [settledSeq, item] = list(reply)
    return { settledSeq: kind === 'retry' ? null : count(settledSeq), wake: toItems(item) }
  }

  async releaseStep(
    { runId, step, claimId, epoch }: Lease,
    how: { entered: boolean; delayMs: number },
  ): Promise<{ wake: readonly WorkItem[] }> {
    await this.#link.ready()
    if (!step) return { wake: [] }
    const args = [runId, stepKey(step), claimId, epoch, how.entered ? '1' : '0', how.delayMs]
    const reply = await this.#link.call('release-step', this.#link.bucketOf(runId), args)
    return { wake: reply === null ? [] : toItems(list(reply)[0]) }
  }

  /** Busy are those of a master that is away while others are not. No script waits for another, and none finds a row locked. */
  async renewLeases(leases: readonly Lease[], leaseMs: number): Promise<Renewed> {
    await this.#link.ready()
    const slices = this.#byBucket(leases)
    const renewing = slices.map(([bucket, slice]) => this.#renew(bucket, slice, leaseMs))
    const answers = await Promise.allSettled(renewing)
    const renewed: { lost: Lease[]; busy: Lease[]; woken: RunId[] } = { lost: [], busy: [], woken: [] }
    for (const [at, answer] of answers.entries()) {
      const [, slice = []] = slices[at] ?? []
      if (answer.status === 'rejected') {
        const isPart = answers.some(({ status }) => status === 'fulfilled')
        if (!isPart || !(answer.reason instanceof StoreUnavailableError)) throw answer.reason
        renewed.busy.push(...slice)
        continue
      }
      renewed.lost.push(...slice.filter((_, place) => answer.value[place] === lost))
      renewed.woken.push(...slice.filter((_, place) => answer.value[place] === woken).map(({ runId }) => runId))
    }
    return renewed
  }

  async #renew(bucket: Bucket, slice: readonly Lease[], leaseMs: number): Promise<readonly Reply[]> {
    const args = slice.flatMap(({ runId, step, claimId, epoch }) => [runId, step ? stepKey(step) : '', claimId, epoch])
    return list(await this.#link.call('renew-leases', bucket, [leaseMs, ...args]))
  }

  #byBucket(leases: readonly Lease[]): readonly (readonly [Bucket, readonly Lease[]])[] {
    const open = new Map<Bucket, Lease[]>()
    const slices: [Bucket, Lease[]][] = []
    for (const lease of leases) {
      const bucket = this.#link.bucketOf(lease.runId)
      let slice = open.get(bucket)
      if (!slice || slice.length === renewedAtOnce) {
        slice = []
        open.set(bucket, slice)
        slices.push([bucket, slice])
      }
      slice.push(lease)
    }
    return slices
  }
}

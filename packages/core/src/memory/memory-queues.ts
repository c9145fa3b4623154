import { randomUUID } from 'node:crypto'
import type { WorkflowQueues } from '../contract/index.ts'
import { backoffMs, type JobPlan } from '../queue/index.ts'
import { MemoryDoorbell } from './memory-doorbell.ts'

/** A job in a queue of this process. Values are text, as on any server: nobody's changes are seen by others. */
export interface MemoryJob {
  readonly id: string
  readonly plan: JobPlan
  readonly data: string
  readonly createdAt: number
  status: 'queued' | 'active' | 'completed' | 'failed'
  /** Grows with every attempt that failed or was lost. */
  attemptsOver: number
  notBefore: number
  progress: string | undefined
  result: string | undefined
  failedReason: string | undefined
  startedAt: number | undefined
  finishedAt: number | undefined
}

/** Takes jobs of one queue. */
export interface JobTaker {
  readonly hasRoom: boolean
  take(job: MemoryJob): void
}

/**
 * What a server of queues would have: everything that several `MemoryQueueService` share, as several processes share a
 * server. It keeps nothing when the process ends, and clears finished jobs away only when they are looked for.
 */
export class MemoryQueues {
  readonly #queues = new Map<string, MemoryQueue>()
  readonly #doorbells = new Map<string, MemoryDoorbell>()

  /** The queue of this name; made when it is first asked for. */
  queue(name: string): MemoryQueue {
    const queue = this.#queues.get(name) ?? new MemoryQueue()
    this.#queues.set(name, queue)
    return queue
  }

  /** The doorbell on these two queues; made when it is first asked for. */
  doorbell({ orchestrator, worker }: WorkflowQueues): MemoryDoorbell {
    const key = `${orchestrator} ${worker}`
    const doorbell = this.#doorbells.get(key) ?? new MemoryDoorbell()
    this.#doorbells.set(key, doorbell)
    return doorbell
  }
}

/** One queue: hands each job to one taker, the most urgent first, and knows the jobs that ended until their time is over. */
export class MemoryQueue {
  readonly takers: JobTaker[] = []
  readonly #jobs = new Map<string, MemoryJob>()
  readonly #watchers = new Set<() => void>()
  #pumping = false
  #alarm: NodeJS.Timeout | undefined

  /** Its id, also when it was there already. */
  add(plan: JobPlan, data: string): string {
    const id = plan.jobId ?? randomUUID()
    if (this.find(id)) return id
    const createdAt = Date.now()
    const nothing = { progress: undefined, result: undefined, failedReason: undefined }
    const times = { createdAt, notBefore: createdAt + plan.delayMs, startedAt: undefined, finishedAt: undefined }
    this.#jobs.set(id, { id, plan, data, status: 'queued', attemptsOver: 0, ...nothing, ...times })
    this.pump()
    return id
  }

  find(id: string): MemoryJob | undefined {
    const job = this.#jobs.get(id)
    if (!job || !isOver(job)) return job
    this.#jobs.delete(id)
    return undefined
  }

  complete(job: MemoryJob, result: string): void {
    this.#finish(Object.assign(job, { status: 'completed', result }), job.plan.keepCompletedSeconds)
  }

  /** The attempt is over: another one follows if one is left, unless `discarded`. */
  fail(job: MemoryJob, failure: { readonly reason: string; readonly discarded: boolean }): void {
    job.attemptsOver += 1
    job.failedReason = failure.reason
    if (failure.discarded || job.attemptsOver >= job.plan.attempts) {
      job.status = 'failed'
      return this.#finish(job, job.plan.keepFailedSeconds)
    }
    Object.assign(job, { status: 'queued', notBefore: Date.now() + backoffMs(job.plan.backoff, job.attemptsOver) })
    this.pump()
  }

  /** As if the attempt had never begun. */
  giveBack(job: MemoryJob): void {
    Object.assign(job, { status: 'queued', startedAt: undefined })
    this.pump()
  }

  /** Resolves when some job ended, or `signal` aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const done = (): void => {
        this.#watchers.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#watchers.add(done)
      signal.addEventListener('abort', done, { once: true })
    })
  }

  /** Hand over what is due, on a macrotask of its own: whoever adds has gone on by then, as with a real queue. */
  pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    setImmediate(() => {
      this.#pumping = false
      this.#handOver()
    })
  }

  #handOver(): void {
    clearTimeout(this.#alarm)
    const queued = [...this.#jobs.values()].filter(({ status }) => status === 'queued')
    const now = Date.now()
    // Sorting is stable: among equals the one added first.
    const due = queued.filter(({ notBefore }) => notBefore <= now).sort((a, b) => b.plan.priority - a.plan.priority)
    for (const job of due) {
      const taker = this.takers.find(({ hasRoom }) => hasRoom)
      if (!taker) return
      // To the end of the line: each gets its turn.
      this.takers.push(...this.takers.splice(this.takers.indexOf(taker), 1))
      Object.assign(job, { status: 'active', startedAt: now })
      taker.take(job)
    }
    const next = Math.min(...queued.filter(({ notBefore }) => notBefore > now).map(({ notBefore }) => notBefore))
    if (next < Infinity) this.#alarm = setTimeout(() => this.#handOver(), Math.min(next - now, TIMEOUT_MAX_MS)).unref()
  }

  #finish(job: MemoryJob, keepSeconds: number): void {
    job.finishedAt = Date.now()
    if (keepSeconds === 0) this.#jobs.delete(job.id)
    for (const watcher of [...this.#watchers]) watcher()
    this.pump()
  }
}

/** setTimeout holds at most 2^31 − 1 ms; longer ones fire at once. */
const TIMEOUT_MAX_MS = 2_147_483_647

function isOver({ status, finishedAt, plan }: MemoryJob): boolean {
  if (finishedAt === undefined) return false
  return (
    finishedAt + (status === 'completed' ? plan.keepCompletedSeconds : plan.keepFailedSeconds) * 1_000 <= Date.now()
  )
}

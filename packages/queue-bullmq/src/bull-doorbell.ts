import { setTimeout as sleep } from 'node:timers/promises'
import type { Answering, Doorbell, Logger, Roles, WorkflowQueues, WorkItem } from '@pikku/core/contract'
import { Batcher, fromMessage, quote, toMessage } from '@pikku/core/queue'
import type { Job, Worker } from 'bullmq'
import { closedError, type BullConnection } from './connection.ts'
import { MessageLoop } from './message-loop.ts'
import { reasonOf } from './reason-of.ts'
import { wakeOthers } from './scripts.ts'
import { within } from './within.ts'

/** A ring that takes longer is given up: the sweep rings again, and a doubled one does no harm. */
const RING_PATIENCE_MS = 5_000
const STOP_PATIENCE_MS = 1_000
const MAX_BATCH = 500
/** What BullMQ writes down about every message is of no use to anybody. */
const EVENTS_KEPT = 100

const MESSAGE = { removeOnComplete: true, removeOnFail: true, attempts: 1 } as const

/** A message that a worker took along into death comes back after half a minute to a minute; the sweep is faster. */
const WORKER = {
  lockDuration: 30_000,
  stalledInterval: 30_000,
  maxStalledCount: Number.MAX_SAFE_INTEGER,
  removeOnComplete: { count: 0 },
  removeOnFail: { count: 0 },
}

interface Ring {
  readonly item: WorkItem
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

interface Answer {
  readonly kind: WorkItem['kind']
  readonly slots: number
  readonly handler: (item: WorkItem) => Promise<void>
}

/** The engine's doorbell on two BullMQ queues. A message is removed as soon as it was handed over: the store is the truth. */
export class BullDoorbell implements Doorbell {
  readonly #connection: BullConnection
  readonly #queues: WorkflowQueues
  readonly #logger: Logger
  readonly #rings: Readonly<Record<WorkItem['kind'], Batcher<Ring>>>
  readonly #prepared = new Set<string>()
  readonly #answering = new Set<Answering>()
  #isClosed = false

  constructor(connection: BullConnection, queues: WorkflowQueues, logger: Logger) {
    this.#connection = connection
    this.#queues = queues
    this.#logger = logger
    const batcher = (kind: WorkItem['kind']): Batcher<Ring> =>
      new Batcher({ max: MAX_BATCH, flush: (rings) => this.#send(this.#queueOf(kind), rings) })
    this.#rings = { run: batcher('run'), step: batcher('step') }
  }

  async ring(items: readonly WorkItem[]): Promise<void> {
    await Promise.all(items.map((item) => this.#ring(item)))
  }

  async answer(roles: Roles, handler: (item: WorkItem) => Promise<void>): Promise<Answering> {
    const tried = await Promise.allSettled([
      this.#answerQueue({ kind: 'run', slots: roles.run, handler }),
      this.#answerQueue({ kind: 'step', slots: roles.step, handler }),
    ])
    const answering = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const all: Answering = {
      stop: async () => {
        this.#answering.delete(all)
        await Promise.all(answering.map((one) => one.stop()))
      },
    }
    const failed = tried.find((one) => one.status === 'rejected')
    if (!failed && !this.#isClosed) {
      this.#answering.add(all)
      return all
    }
    // Nobody else would stop the one of two that can be answered.
    await all.stop()
    throw failed ? failed.reason : closedError()
  }

  /** Stop every answer that was not stopped, and let the rings under way arrive. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#answering].map((one) => one.stop()))
    await Promise.all([this.#rings.run.drained(), this.#rings.step.drained()])
  }

  #ring(item: WorkItem): Promise<void> {
    return new Promise((resolve, reject) => this.#rings[item.kind].add({ item, resolve, reject }))
  }

  async #send(name: string, rings: readonly Ring[]): Promise<void> {
    try {
      const words = (): string => `queue ${name}: no answer within ${RING_PATIENCE_MS} ms`
      await within(RING_PATIENCE_MS, this.#add(name, rings), words)
      for (const ring of rings) ring.resolve()
    } catch (error) {
      for (const ring of rings) ring.reject(error)
    }
  }

  async #add(name: string, rings: readonly Ring[]): Promise<void> {
    const queue = await this.#connection.queue(name)
    if (!this.#prepared.has(name)) {
      await queue.getBackend().setQueueMeta({ 'opts.maxLenEvents': EVENTS_KEPT })
      this.#prepared.add(name)
    }
    const messages = rings.map(({ item }) => {
      const { id, data } = toMessage(item)
      return { name: item.kind, data, opts: { ...MESSAGE, jobId: id } }
    })
    await queue.addBulk(messages)
  }

  async #answerQueue(answer: Answer): Promise<Answering> {
    if (answer.slots === 0) return { stop: async () => undefined }
    const name = this.#queueOf(answer.kind)
    const worker = await this.#connection.worker(name, null, WORKER)
    await worker.startStalledCheckTimer()
    const finishing = new Set<Promise<void>>()
    const loop = new MessageLoop({
      worker,
      slots: answer.slots,
      deliver: async (job, token) => {
        const removing = this.#remove(name, job, token).then(() => void finishing.delete(removing))
        finishing.add(removing)
        const item = fromMessage(job.data, answer.kind)
        if (!item) return this.#logger.warn(`queue ${name}: message ${quote(job.id ?? '')} is not a work item; dropped`)
        await answer.handler(item)
      },
      onError: (error) => this.#connection.failed(worker, name, error),
    })
    return {
      stop: async () => {
        await loop.stop()
        finishing.add(this.#wakeOthers(name, worker))
        await Promise.race([Promise.all(finishing), sleep(STOP_PATIENCE_MS, undefined, { ref: false })])
      },
    }
  }

  async #remove(name: string, job: Job, token: string): Promise<void> {
    try {
      await job.moveToCompleted(undefined, token, false)
    } catch (error) {
      // It is handed over, and at worst it will be once more.
      this.#logger.warn(`queue ${name}: could not remove a delivered message: ${reasonOf(error)}`)
    }
  }

  async #wakeOthers(name: string, worker: Worker): Promise<void> {
    try {
      await wakeOthers(await this.#connection.workers(), worker.toKey)
    } catch (error) {
      this.#connection.log.trouble(name, error)
    }
  }

  #queueOf(kind: WorkItem['kind']): string {
    return kind === 'run' ? this.#queues.orchestrator : this.#queues.worker
  }
}

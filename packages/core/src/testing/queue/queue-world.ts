import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Consumer, JobDelivery, JobStatus, QueueJob, QueueService } from '../../contract/index.ts'
import { until } from '../engine/until.ts'
import type { OpenQueues } from '../queue-harness.ts'

type Handler = (job: JobDelivery) => unknown

/** One case's queues and processes. */
export class QueueWorld {
  readonly #open: OpenQueues
  readonly #services = new Set<QueueService>()
  readonly #own = randomBytes(5).toString('hex')

  constructor(open: OpenQueues) {
    this.#open = open
  }

  /** A process of its own. */
  async process(): Promise<QueueService> {
    const service = await this.#open.process()
    this.#services.add(service)
    return service
  }

  /** The name of a queue that no other case uses. */
  queue(name = 'mail'): string {
    return `${name}_${this.#own}`
  }

  /** A new process that handles the jobs of a queue. */
  async worker(
    queue: string,
    handler: Handler,
    concurrency = 1,
  ): Promise<{ service: QueueService; consumer: Consumer }> {
    const service = await this.process()
    return { service, consumer: await service.consume(queue, { concurrency }, async (job) => handler(job)) }
  }

  /** The job, which must be there. */
  async job(queue: string, id: string, service?: QueueService): Promise<QueueJob> {
    const job = await (service ?? (await this.process())).getJob(queue, id)
    assert.ok(job, `job ${id} is not known`)
    return job
  }

  /** Wait until the job has this status, seen by `service`. */
  async untilStatus(service: QueueService, queue: string, id: string, status: JobStatus): Promise<QueueJob> {
    await until(`job ${id} is ${status}`, async () => (await (await service.getJob(queue, id))?.status()) === status)
    return this.job(queue, id, service)
  }

  vanish(service: QueueService): Promise<void> {
    assert.ok(this.#open.vanish, 'the harness offers no vanish')
    return this.#open.vanish(service)
  }

  restart(): Promise<void> {
    assert.ok(this.#open.restart, 'the harness offers no restart')
    return this.#open.restart()
  }

  async dispose(): Promise<void> {
    try {
      await Promise.all([...this.#services].map((service) => service.close()))
    } finally {
      await this.#open.dispose()
    }
  }
}

/** Cases about one thing, by title. */
export interface QueueTestGroup {
  readonly name: string
  /** The cases restart the server. */
  readonly ownServer?: true
  readonly tests: Readonly<Record<string, (world: QueueWorld) => Promise<void>>>
}

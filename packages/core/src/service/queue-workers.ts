import type { Consumer, JobDelivery, Logger, QueueService } from '../contract/index.ts'
import { NonRetryableError, WorkflowError } from '../contract/index.ts'
import type { QueueWire, QueueWorkerDefinition } from '../define/index.ts'
import { checkOptions, type OptionRule } from '../domain/check-options.ts'
import { describe } from '../domain/describe.ts'
import type { WorkflowEngine } from '../engine/workflow-engine.ts'
import { assertServices, loggerOf, type App } from './app.ts'
import { graceOf } from './options.ts'
import type { WorkflowService } from './workflow-service.ts'

/** Which queues a process takes, and how much at once: the last argument of the workers. */
export interface QueueWorkersOptions {
  /** Take these queues only: names of wired queues, of the orchestrator queue, of the step-worker queue. Default: all. */
  readonly only?: readonly string[]
  /** How much at once in this process, by queue. Default: 100 turns, 20 steps, and what each queue worker was wired with (else 1). */
  readonly concurrency?: Readonly<Record<string, number>>
}

const rules: Readonly<Record<keyof QueueWorkersOptions, OptionRule>> = {
  only: {
    accepts: (value) => Array.isArray(value) && value.length > 0,
    accepted: "an array of at least one queue's name",
  },
  concurrency: {
    accepts: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    accepted: 'an object of whole numbers by queue',
  },
}

const turnsAtOnce = 100
const stepsAtOnce = 20

/** The services workers need of the bag. */
export interface WorkerServices {
  /** What runs the workflows. Workers without one are refused, with code `CONFIGURATION`. */
  readonly workflowService?: WorkflowService
  /** What carries the work. Default: the workflow service's own. */
  readonly queueService?: QueueService
  /** Default: the console. */
  readonly logger?: Logger
}

/** Consumes everything wired, the two workflow queues included. Behind `PgBossQueueWorkers` and its siblings. */
export class QueueWorkers {
  readonly #services: WorkerServices
  readonly #options: QueueWorkersOptions
  readonly #consumers: Consumer[] = []
  #engine: WorkflowEngine | null = null
  #registering: Promise<void> | null = null

  constructor(services: WorkerServices, options: QueueWorkersOptions = {}) {
    assertServices(services, 'workers')
    checkOptions({ name: 'workers' }, rules, options)
    this.#services = services
    this.#options = options
    this.#workflowService().bind(services)
  }

  /**
   * Start consuming. Resolves when every queue is being consumed; when it rejects, nothing is, and it may be called again.
   *
   * @throws when any queue could not be registered; `WorkflowError` with code `CONFIGURATION` for a queue in `only` or
   *   `concurrency` that does not exist
   */
  registerQueues(): Promise<void> {
    return (this.#registering ??= this.#register().catch((error: unknown) => this.#withdraw(error)))
  }

  /**
   * Take no more work. Runs between steps go on elsewhere at once; executing steps may finish within `graceMs`
   * (default: the workflow service's), then their `signal` aborts and they are given back.
   *
   * @throws `WorkflowError` with code `INVALID_INPUT` for bad options
   */
  async close(options: { graceMs?: number } = {}): Promise<void> {
    const graceMs = graceOf(options, this.#workflowService().graceMs)
    await this.#registering?.catch(() => undefined) // Whoever called registerQueues has the error.
    await this.#stop(graceMs)
  }

  async #stop(graceMs: number): Promise<void> {
    await Promise.all([this.#engine?.stop(graceMs), ...this.#consumers.map((consumer) => consumer.stop(graceMs))])
  }

  /** All or nothing: half of the queues would be work taken by workers that their process believes not to have. */
  async #withdraw(error: unknown): Promise<never> {
    const [stopped] = await Promise.allSettled([this.#stop(0)])
    if (stopped.status === 'rejected') {
      loggerOf(this.#services).error(
        'pikku: queues that could not be registered could not be left either',
        stopped.reason,
      )
    }
    this.#engine = null
    this.#consumers.length = 0
    this.#registering = null
    throw error
  }

  async #register(): Promise<void> {
    const queueService = this.#queueService()
    const workflowService = this.#workflowService()
    const { app, registry } = await workflowService.app()
    const { orchestrator, worker } = registry.queues
    const wired = registry.queueWorkers()
    this.#assertKnown([orchestrator, worker, ...wired.map(({ queueName }) => queueName)])
    const roles = { run: this.#places(orchestrator, turnsAtOnce), step: this.#places(worker, stepsAtOnce) }
    if (roles.run + roles.step > 0)
      this.#engine = await workflowService.work(roles, queueService.doorbell(registry.queues))
    for (const definition of wired) {
      const concurrency = this.#places(definition.queueName, definition.concurrency ?? 1)
      if (concurrency > 0)
        this.#consumers.push(
          await queueService.consume(definition.queueName, { concurrency }, consume(definition, app)),
        )
    }
  }

  /** How much of this queue at once; 0 when it is not to be taken. */
  #places(queue: string, byDefault: number): number {
    const { only, concurrency } = this.#options
    if (only && !only.includes(queue)) return 0
    return concurrency?.[queue] ?? byDefault
  }

  #assertKnown(known: readonly string[]): void {
    const { only = [], concurrency = {} } = this.#options
    for (const queue of [...only, ...Object.keys(concurrency)]) {
      if (known.includes(queue)) continue
      throw new WorkflowError(
        'CONFIGURATION',
        `workers: no queue is named ${describe(queue)}; known are ${known.map((name) => `'${name}'`).join(', ')}`,
      )
    }
    for (const [queue, places] of Object.entries(concurrency)) {
      if (Number.isSafeInteger(places) && places >= 1) continue
      throw new WorkflowError(
        'CONFIGURATION',
        `workers: concurrency of '${queue}' is ${describe(places)}; accepted is a whole number from 1 on`,
      )
    }
  }

  #workflowService(): WorkflowService {
    const { workflowService } = this.#services
    if (workflowService) return workflowService
    throw new WorkflowError(
      'CONFIGURATION',
      'workers: the services have no workflowService; createSingletonServices must return one',
    )
  }

  #queueService(): QueueService {
    const queueService = this.#services.queueService ?? this.#workflowService().queueService
    if (queueService) return queueService
    throw new WorkflowError(
      'CONFIGURATION',
      'workers: neither the services nor their workflowService have a queueService, so workflows run inline, in the process that starts them; let createSingletonServices return one to have workers',
    )
  }
}

function consume(definition: QueueWorkerDefinition, app: App): (job: JobDelivery) => Promise<unknown> {
  return (job) => app.callQueueWorker(definition.queueName, job.data, queueWire(job))
}

function queueWire(job: JobDelivery): QueueWire {
  return {
    queueName: job.queueName,
    jobId: job.id,
    updateProgress: (progress) => job.updateProgress(progress),
    fail: (reason = 'failed by its worker') => {
      throw new Error(reason)
    },
    discard: (reason = 'discarded by its worker') => {
      throw new NonRetryableError(reason)
    },
  }
}

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { QueueService, StorePorts, WorkflowEvent, WorkflowQueues, WorkItem } from '../../contract/index.ts'
import type { StartedWorkflow } from '../../define/index.ts'
import { MAX_PAYLOAD_BYTES } from '../../domain/limits.ts'
import { Payloads } from '../../engine/payloads.ts'
import { QueueWorkers, WorkflowService } from '../../service/index.ts'
import type { HistoryEntry } from '../../service/index.ts'
import type { OpenProcess } from './engine-harness.ts'
import type { Gate } from './gate.ts'
import { quick, type ProcessOptions } from './process-options.ts'
import { registryOf, type TestApp, type Watch } from './test-app.ts'
import { until } from './until.ts'

/** How a run ended. */
export type End =
  | { readonly kind: 'completed'; readonly output: unknown }
  | { readonly kind: 'failed' | 'cancelled'; readonly error: Error & { code?: string } }

interface Parts {
  readonly open: OpenProcess
  readonly gate: Gate
  readonly ports: StorePorts
  readonly app: TestApp
  readonly options: ProcessOptions
  readonly world: Watch & { readonly queues: WorkflowQueues | undefined; expectRoughness(): void }
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** A workflow service with its workers, as one process of an app has them. */
export class TestProcess {
  readonly service: WorkflowService
  readonly payloads: Payloads
  readonly ports: StorePorts
  readonly gate: Gate
  readonly events: WorkflowEvent[] = []
  readonly #parts: Parts
  readonly #queueService: QueueService | undefined
  readonly #services: { workflowService: WorkflowService; queueService?: QueueService; logger: typeof silent }
  #workers: QueueWorkers | null = null
  #queues: WorkflowQueues | null = null
  #over = false

  constructor(parts: Parts) {
    this.#parts = parts
    this.ports = parts.ports
    this.gate = parts.gate
    const { options, open } = parts
    const queue = open.queueService && (options.wrapQueue?.(open.queueService) ?? open.queueService)
    this.#queueService = queue && parts.gate.queueService(queue)
    this.payloads = new Payloads(options.codec, options.maxPayloadBytes ?? MAX_PAYLOAD_BYTES)
    this.service = new WorkflowService(parts.ports, this.#queueService, {
      timing: { ...quick, ...options.timing },
      observer: { onEvent: (event) => this.#observe(event) },
      ...(options.codec ? { codec: options.codec } : {}),
      ...(options.maxPayloadBytes === undefined ? {} : { maxPayloadBytes: options.maxPayloadBytes }),
    })
    this.#services = {
      workflowService: this.service,
      logger: silent,
      ...(this.#queueService ? { queueService: this.#queueService } : {}),
    }
  }

  async start(): Promise<void> {
    const { app, options, world } = this.#parts
    const registry = registryOf(app, world, world.queues)
    this.#queues = registry.queues
    this.service.bind(this.#services, registry)
    if (!this.#queueService || options.works === false) return
    const { orchestrator, worker } = registry.queues
    const { turns, steps } = options.concurrency ?? {}
    this.#workers = new QueueWorkers(this.#services, {
      ...(options.only ? { only: [registry.queues[options.only]] } : {}),
      concurrency: {
        ...(turns === undefined ? {} : { [orchestrator]: turns }),
        ...(steps === undefined ? {} : { [worker]: steps }),
      },
    })
    await this.#workers.registerQueues()
  }

  /** Start a run and answer its id as soon as it is there, in either mode. */
  async begin(workflow: string, input?: unknown, runId: string = randomUUID()): Promise<string> {
    let refused: unknown = null
    const started = this.service.startRun(workflow, input, { runId })
    started.catch((error: unknown) => (refused = { error }))
    await until('the run is there', async () => refused !== null || (await this.ports.reader.getRun(runId)) !== null)
    if (refused !== null) await started
    return runId
  }

  /** Start a run without waiting for its end in inline mode; rejects when the start was refused or unanswered. */
  async startedOnly(workflow: string, input: unknown, runId: string): Promise<void> {
    const started = this.service.startRun(workflow, input, { runId })
    if (this.#queueService) await started
    let over = false
    const end = started.finally(() => (over = true))
    end.catch(() => undefined) // Heard of by the race, or by whoever waits for the run's end.
    await Promise.race([
      end,
      until('the run is on record', async () => over || (await this.status(runId)) !== undefined),
    ])
  }

  startRun(workflow: string, input?: unknown, options?: { runId?: string }): Promise<StartedWorkflow> {
    return this.service.startRun(workflow, input, options)
  }

  /** How the run ends. Rejects when it does not within the deadline. */
  async end(runId: string, timeoutMs = 15_000): Promise<End> {
    try {
      return { kind: 'completed', output: await this.service.waitForRun(runId, { timeout: timeoutMs }) }
    } catch (error) {
      assert.ok(error instanceof Error, 'a run rejects with an Error')
      const run = await this.service.getRun(runId)
      if (run?.status === 'failed' || run?.status === 'cancelled') return { kind: run.status, error }
      throw error
    }
  }

  /** Start a run and answer its output. */
  async output(workflow: string, input?: unknown): Promise<unknown> {
    const ended = await this.end(await this.begin(workflow, input))
    if (ended.kind !== 'completed') throw ended.error
    return ended.output
  }

  /** Start a run and answer the error it failed with. */
  async failure(workflow: string, input?: unknown): Promise<Error & { code?: string }> {
    const ended = await this.end(await this.begin(workflow, input))
    assert.equal(ended.kind, 'failed')
    return (ended as End & { kind: 'failed' }).error
  }

  /** As a message that comes once more, or that somebody else wrote. Where there is no queue there is none. */
  async ring(items: readonly WorkItem[]): Promise<void> {
    if (this.#queueService && this.#queues) await this.#queueService.doorbell(this.#queues).ring(items)
  }

  history(runId: string): Promise<HistoryEntry[]> {
    return this.service.getRunHistory(runId)
  }

  /** Attempts as `name attempt status`, in the order they ended. */
  async attempts(runId: string): Promise<string[]> {
    return (await this.history(runId)).map((one) => `${one.stepName} ${one.attemptCount} ${one.status}`)
  }

  async status(runId: string): Promise<string | undefined> {
    return (await this.ports.reader.getRun(runId))?.status
  }

  seen(kind: WorkflowEvent['kind']): WorkflowEvent[] {
    return this.events.filter((event) => event.kind === kind)
  }

  /** Stop in good order. */
  async close(options: { graceMs?: number } = {}): Promise<void> {
    if (this.#over) return
    this.#over = true
    this.gate.thaw()
    await this.#workers?.close(options)
    await this.service.close(options)
    await this.#parts.open.close()
  }

  /** Like `kill -9`. */
  async vanish(): Promise<void> {
    if (this.#over) return
    this.#over = true
    this.#parts.world.expectRoughness()
    await this.gate.die()
    await this.#parts.open.vanish()
  }

  assertNoTrouble(): void {
    for (const event of this.events) {
      if (event.kind === 'trouble') throw new Error(`trouble while ${event.during}`, { cause: event.error })
    }
  }

  /** The laws are checked inside the engine's own calls: what they throw arrives there as trouble. */
  assertNoLawBroken(): void {
    for (const event of this.events) {
      if (event.kind === 'trouble' && event.error instanceof assert.AssertionError) throw event.error
    }
  }

  #observe(event: WorkflowEvent): void {
    if (event.kind === 'trouble' && this.gate.dead) return
    this.events.push(event)
    this.#parts.options.observer?.onEvent(event)
  }
}

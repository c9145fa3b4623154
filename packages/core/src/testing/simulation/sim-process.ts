import type { QueueService, StorePorts } from '../../contract/index.ts'
import { WorkflowError } from '../../contract/index.ts'
import type { Registry } from '../../define/index.ts'
import type { MemoryDoorbell, MemoryStore } from '../../memory/index.ts'
import { QueueWorkers, WorkflowService } from '../../service/index.ts'
import type { PlannedProcess } from './plan.ts'
import { inLane, Lane } from './scheduler.ts'
import { SimPorts, type Between } from './sim-ports.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

interface Parts {
  readonly between: Between
  readonly ports: StorePorts & { readonly store: MemoryStore }
  readonly doorbell: MemoryDoorbell | null
  readonly registry: Registry
  readonly planned: PlannedProcess
  /** How often it was started, this time included. */
  readonly times: number
  /** Takes no work: it starts runs and looks at them. */
  readonly onlyAsks: boolean
}

/** A process of the app: the shipped service and workers, over ports that travel. */
export class SimProcess {
  readonly planned: PlannedProcess
  readonly lane: Lane
  readonly service: WorkflowService
  /** As leases name it; null until it has enlisted. */
  owner: string | null = null
  /** It has stopped in good order. */
  closed = false
  readonly #parts: Parts
  readonly #travel: SimPorts
  readonly #services: { workflowService: WorkflowService; queueService?: QueueService; logger: typeof silent }
  #workers: QueueWorkers | null = null

  constructor(parts: Parts) {
    const { between, ports, planned, times } = parts
    this.#parts = parts
    this.planned = planned
    this.lane = new Lane(planned.name, times)
    this.#travel = new SimPorts(between, this.lane)
    const travelling = this.#travel.ports(ports)
    const enlist = (owner: string): Promise<void> => {
      this.owner = owner
      return travelling.store.enlist(owner)
    }
    const own: StorePorts = { ...travelling, store: { ...travelling.store, enlist } }
    const queueService = parts.doorbell ? this.#queueService(parts.doorbell) : undefined
    this.service = inLane(
      this.lane,
      () => new WorkflowService(own, queueService, { timing: { parkedRuns: planned.parkedRuns } }),
    )
    this.#services = {
      workflowService: this.service,
      logger: silent,
      ...(queueService ? { queueService } : {}),
    }
  }

  /** Rejects when it cannot start, as an app would with exit code 1. */
  async start(): Promise<void> {
    await inLane(this.lane, async () => {
      const { registry, planned, onlyAsks, doorbell } = this.#parts
      this.service.bind(this.#services, registry)
      if (!doorbell || onlyAsks) return
      const { orchestrator, worker } = registry.queues
      const only = { everything: [orchestrator, worker], orchestrator: [orchestrator], worker: [worker] }[planned.role]
      const concurrency = { [orchestrator]: planned.turns, [worker]: planned.steps }
      this.#workers = new QueueWorkers(this.#services, { only, concurrency })
      await this.#workers.registerQueues()
    })
  }

  async stop(graceMs: number): Promise<void> {
    await inLane(this.lane, async () => {
      await this.#workers?.close({ graceMs })
      await this.service.close({ graceMs })
    })
    this.closed = true
  }

  /** Like `kill -9`: nothing of it happens any more, and its connections are gone. */
  die(): void {
    this.lane.dead = true
    this.lane.held.length = 0
    inLane(null, () => {
      for (const answering of this.#travel.answering) void answering.stop()
      void this.#parts.ports.store.close()
    })
  }

  #queueService(doorbell: MemoryDoorbell): QueueService {
    const absent = (): never => {
      throw new WorkflowError('CONFIGURATION', 'the simulation has no jobs of users')
    }
    return {
      add: absent,
      getJob: absent,
      consume: absent,
      doorbell: () => this.#travel.doorbell(doorbell),
      init: () => Promise.resolve(),
      close: () => Promise.resolve(),
    }
  }
}

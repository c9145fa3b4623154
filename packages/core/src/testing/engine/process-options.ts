import type { PayloadCodec, QueueService, StorePorts, WorkflowObserver } from '../../contract/index.ts'
import type { EngineSettings } from '../../engine/settings.ts'
import type { Gate } from './gate.ts'

/** Short enough that a scenario with a fault takes well under a second. */
export const quick: Partial<EngineSettings> = {
  leaseMs: 2_000,
  sweepMs: 100,
  redispatchAfterMs: 300,
  deathGraceMs: 100,
  replayGraceMs: 1_000,
  troubleDelayMs: 200,
  watchPollMs: 300,
}

export interface ProcessOptions {
  readonly timing?: Partial<EngineSettings>
  readonly codec?: PayloadCodec
  readonly maxPayloadBytes?: number
  readonly observer?: WorkflowObserver
  /** False: it starts runs but takes no work (remote mode; inline mode has no such processes). Default true. */
  readonly works?: boolean
  /** Of the two workflow queues, this one alone. */
  readonly only?: 'orchestrator' | 'worker'
  readonly concurrency?: { readonly turns?: number; readonly steps?: number }
  /** Put something in between before the laws watch: a lossy doorbell, a faulty store. */
  readonly wrap?: (ports: StorePorts) => StorePorts
  readonly wrapQueue?: (queue: QueueService) => QueueService
  readonly gate?: Gate
}

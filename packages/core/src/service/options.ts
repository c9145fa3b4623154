import type { PayloadCodec, WorkflowObserver } from '../contract/index.ts'
import { WorkflowError } from '../contract/index.ts'
import { MAX_PAYLOAD_BYTES } from '../domain/limits.ts'
import type { EngineSettings } from '../engine/settings.ts'
import { defaultSettings } from '../engine/settings.ts'

/** How long a lease lasts unless the options say otherwise, in ms. */
export const defaultLeaseMs = defaultSettings.leaseMs

/** The last argument of a workflow service. */
export interface WorkflowServiceOptions {
  /**
   * How long a frozen or cut-off process keeps its runs from others, in ms; a killed one is noticed in about a second.
   * Default 10,000; at least 1,000.
   */
  readonly leaseMs?: number
  /** How long `close()` lets executing steps finish, in ms. Default 10,000. */
  readonly graceMs?: number
  /** The largest encoded input, result or output, in bytes. Default 4 MiB. */
  readonly maxPayloadBytes?: number
  /** Encrypts or compresses every payload at rest. Default: none. */
  readonly codec?: PayloadCodec
  /** Told what the engine does: for logs, metrics and traces. */
  readonly observer?: WorkflowObserver
  /** Delete ended runs this long after they ended (a duration: ms or '30d'). Default: never. */
  readonly retention?: number | string
  /** @internal */
  readonly timing?: Partial<EngineSettings>
}

export interface ResolvedOptions extends WorkflowServiceOptions {
  readonly graceMs: number
  readonly maxPayloadBytes: number
  readonly settings: EngineSettings
}

/** @throws WorkflowError `CONFIGURATION` naming the option, what was given and what is accepted */
export function resolveOptions(options: WorkflowServiceOptions): ResolvedOptions {
  const leaseMs = whole('leaseMs', options.leaseMs, defaultSettings.leaseMs, 1_000)
  const graceMs = whole('graceMs', options.graceMs, 10_000, 0)
  const maxPayloadBytes = whole('maxPayloadBytes', options.maxPayloadBytes, MAX_PAYLOAD_BYTES, 1)
  return { ...options, graceMs, maxPayloadBytes, settings: { ...defaultSettings, leaseMs, ...options.timing } }
}

function whole(name: string, given: number | undefined, byDefault: number, least: number): number {
  const value = given ?? byDefault
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new WorkflowError(
    'CONFIGURATION',
    `workflow service: option '${name}' is ${String(given)}; accepted is a whole number from ${least} on`,
  )
}

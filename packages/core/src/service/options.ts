import type { PayloadCodec, WorkflowObserver } from '../contract/index.ts'
import { WorkflowError } from '../contract/index.ts'
import { checkedElsewhere, checkOptions, type OptionRule } from '../domain/check-options.ts'
import { describe } from '../domain/describe.ts'
import { parseDuration } from '../domain/duration.ts'
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
  /** The largest encoded input, result or output, in bytes and before a codec makes it longer. Default 4 MiB. */
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

const hooks = (names: readonly string[]) => (value: unknown) =>
  typeof value === 'object' && value !== null && names.every((name) => typeof Reflect.get(value, name) === 'function')

const rules: Readonly<Record<string, OptionRule>> = {
  leaseMs: checkedElsewhere,
  graceMs: checkedElsewhere,
  maxPayloadBytes: checkedElsewhere,
  codec: { accepts: hooks(['encode', 'decode']), accepted: 'an object with encode(text) and decode(payload)' },
  observer: { accepts: hooks(['onEvent']), accepted: 'an object with onEvent(event)' },
  retention: checkedElsewhere,
  timing: { ...checkedElsewhere, hidden: true },
}

/**
 * Refuses what is no option of a workflow service. `own`: those that only this kind of service has.
 *
 * @throws WorkflowError `CONFIGURATION`
 */
export function checkServiceOptions(options: unknown, own: Readonly<Record<string, OptionRule>>): void {
  checkOptions({ name: 'workflow service' }, { ...rules, ...own }, options)
}

/** @throws WorkflowError `CONFIGURATION` for what is no queue service, a schema's name in its place among others */
export function assertQueueService(given: unknown): void {
  if (given === undefined || hooks(['add', 'consume', 'doorbell'])(given)) return
  throw new WorkflowError(
    'CONFIGURATION',
    `workflow service: the queue service is ${describe(given)}; accepted is one like PgBossQueueService, or undefined for inline mode`,
  )
}

/** @throws WorkflowError `CONFIGURATION` naming the option, what was given and what is accepted */
export function resolveOptions(options: WorkflowServiceOptions): ResolvedOptions {
  const leaseMs = whole('leaseMs', options.leaseMs, { byDefault: defaultSettings.leaseMs, least: 1_000 })
  const graceMs = whole('graceMs', options.graceMs, { byDefault: 10_000, least: 0 })
  const maxPayloadBytes = whole('maxPayloadBytes', options.maxPayloadBytes, { byDefault: MAX_PAYLOAD_BYTES, least: 1 })
  return { ...options, graceMs, maxPayloadBytes, settings: { ...defaultSettings, leaseMs, ...options.timing } }
}

/** The grace that `close` was given, in ms. @throws WorkflowError `INVALID_INPUT` */
export function graceOf(options: { graceMs?: number }, byDefault: number): number {
  checkOptions({ name: 'close', code: 'INVALID_INPUT' }, { graceMs: graceRule }, options)
  return options.graceMs ?? byDefault
}

const graceRule: OptionRule = {
  accepts: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  accepted: 'a whole number of milliseconds',
}

/** The timeout that `waitForRun` was given, in ms; null: none. @throws WorkflowError `INVALID_INPUT`, `INVALID_DURATION` */
export function timeoutOf(options: { timeout?: number | string }): number | null {
  checkOptions({ name: 'waitForRun', code: 'INVALID_INPUT' }, { timeout: checkedElsewhere }, options)
  return options.timeout === undefined ? null : parseDuration(options.timeout, 'waitForRun: timeout')
}

function whole(
  name: string,
  given: number | undefined,
  { byDefault, least }: { byDefault: number; least: number },
): number {
  const value = given ?? byDefault
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new WorkflowError(
    'CONFIGURATION',
    `workflow service: option '${name}' is ${describe(given)}; accepted is a whole number from ${least} on`,
  )
}

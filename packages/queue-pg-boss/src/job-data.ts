import { decodeJobValue, encodeJobValue } from '@pikku/core/queue'
import type { Backoff, JobPlan } from '@pikku/core/queue'

/**
 * What a job of ours holds: JSON for pg-boss, with the user's value as text inside, so that dates, undefined, bigint,
 * maps, cycles and any string come back as they went in. The text is ASCII where jsonb is strict (U+0000, lone surrogates).
 */
export interface JobEnvelope {
  readonly pikku: 1
  readonly v: string
  /** The caller's own job id, as text like `v`. */
  readonly id?: string
  /** Seconds to keep the job once completed, once failed. */
  readonly keep: readonly [completed: number, failed: number]
  /** Allowed in total; pg-boss's own figure is lowered by a discard. */
  readonly attempts: number
  /** pg-boss has it in whole seconds. */
  readonly backoff: Backoff
  /** Told last by a worker, as text like `v`. Here, because this is the one column that outlives attempts and the end. */
  readonly progress?: string
}

/** @throws NotSerializableError */
export function seal(data: unknown, plan: JobPlan): JobEnvelope {
  const { jobId, keepCompletedSeconds, keepFailedSeconds, attempts, backoff } = plan
  const id = jobId === undefined ? {} : { id: encodeJobValue(jobId, 'data') }
  const keep = [keepCompletedSeconds, keepFailedSeconds] as const
  return { pikku: 1, v: encodeJobValue(data, 'data'), ...id, keep, attempts, backoff }
}

/** Our envelope, or undefined for a job that somebody else put into the queue, one that merely looks like ours included. */
export function toEnvelope(data: unknown): JobEnvelope | undefined {
  return isObject(data) && data.pikku === 1 && isEnvelope(data) ? data : undefined
}

/** Every part is looked at: what is missing in the middle of settling a job would be met again and again. */
function isEnvelope(data: Foreign): data is JobEnvelope & Foreign {
  const { v, id, keep, attempts, backoff, progress } = data
  return (
    typeof v === 'string' &&
    isTextOrAbsent(id) &&
    isTextOrAbsent(progress) &&
    Number.isSafeInteger(attempts) &&
    Array.isArray(keep) &&
    keep.length === 2 &&
    keep.every(Number.isFinite) &&
    isObject(backoff) &&
    (backoff.type === 'fixed' || backoff.type === 'exponential') &&
    Number.isFinite(backoff.delayMs)
  )
}

/** What is known of a job's data before it was looked at. */
type Foreign = Partial<Readonly<Record<string, unknown>>>

function isObject(value: unknown): value is Foreign {
  return typeof value === 'object' && value !== null
}

function isTextOrAbsent(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string'
}

/** The user's value: plain JSON where the job is not ours. */
export function dataOf(data: unknown): unknown {
  const envelope = toEnvelope(data)
  return envelope ? decodeJobValue(envelope.v) : data
}

export function progressOf(data: unknown): unknown {
  const progress = toEnvelope(data)?.progress
  return progress === undefined ? undefined : decodeJobValue(progress)
}

/** The id that `getJob` takes. */
export function publicIdOf(job: { readonly id: string; readonly data: unknown }): string {
  const id = toEnvelope(job.data)?.id
  return id === undefined ? job.id : String(decodeJobValue(id))
}

/** A result as pg-boss stores it. */
export function toOutput(result: unknown): { readonly v: string } {
  return { v: encodeJobValue(result, 'result') }
}

export function fromOutput(output: unknown): unknown {
  if (typeof output !== 'object' || output === null || !('v' in output) || typeof output.v !== 'string') return output
  return decodeJobValue(output.v)
}

/** Why an attempt failed, of what was stored for it: by a worker of ours, by another one, or by pg-boss for a lost one. */
export function reasonFrom(output: unknown): string | undefined {
  if (typeof output !== 'object' || output === null) return undefined
  if ('message' in output && typeof output.message === 'string') return output.message
  return 'value' in output ? reasonFrom(output.value) : undefined
}

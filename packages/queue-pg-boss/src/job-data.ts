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

/** Our envelope, or undefined for a job that somebody else put into the queue. */
export function toEnvelope(data: unknown): JobEnvelope | undefined {
  if (typeof data !== 'object' || data === null || !('pikku' in data) || data.pikku !== 1) return undefined
  return 'v' in data && 'attempts' in data && 'backoff' in data ? (data as JobEnvelope) : undefined
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

import { decodeJobValue, encodeJobValue } from '@pikku/core/queue'
import type { JobPlan } from '@pikku/core/queue'

/** What a job of ours holds: JSON for BullMQ, with the user's value as text inside, so that it comes back as it went in. */
export interface JobEnvelope {
  readonly pikku: 1
  readonly v: string
  /** The caller's own job id, as text like `v`. */
  readonly id?: string
  /** Seconds to keep the job once completed, once failed. */
  readonly keep: readonly [completed: number, failed: number]
}

/** @throws NotSerializableError */
export function makeEnvelope(data: unknown, plan: JobPlan): JobEnvelope {
  const id = plan.jobId === undefined ? {} : { id: JSON.stringify(plan.jobId) }
  const keep = [plan.keepCompletedSeconds, plan.keepFailedSeconds] as const
  return { pikku: 1, v: encodeJobValue(data, 'data'), ...id, keep }
}

/** Our envelope, or undefined for a job that somebody else put into the queue. */
export function toEnvelope(data: unknown): JobEnvelope | undefined {
  if (typeof data !== 'object' || data === null || !('pikku' in data) || data.pikku !== 1) return undefined
  if (!('v' in data) || typeof data.v !== 'string') return undefined
  const id = 'id' in data && typeof data.id === 'string' ? { id: data.id } : {}
  const [completed, failed] = 'keep' in data && Array.isArray(data.keep) ? data.keep : []
  return { pikku: 1, v: data.v, ...id, keep: [Number(completed ?? Infinity), Number(failed ?? Infinity)] }
}

/** The user's value: plain JSON where the job is not ours. */
export function dataOf(data: unknown): unknown {
  const envelope = toEnvelope(data)
  return envelope ? decodeJobValue(envelope.v) : data
}

/** The id that `getJob` takes. */
export function publicIdOf(job: { readonly id?: string | undefined; readonly data: unknown }): string {
  const id = toEnvelope(job.data)?.id
  return id === undefined ? (job.id ?? '') : String(JSON.parse(id))
}

/** A value as BullMQ stores results and progress. */
export interface KeptValue {
  readonly v: string
}

/** @throws NotSerializableError */
export function keepValue(value: unknown, what: 'result' | 'progress'): KeptValue {
  return { v: encodeJobValue(value, what) }
}

/** What another program stored is taken as its JSON. */
export function keptValue(stored: unknown): unknown {
  if (typeof stored !== 'object' || stored === null || !('v' in stored) || typeof stored.v !== 'string') return stored
  return decodeJobValue(stored.v)
}

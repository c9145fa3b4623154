import { JobFailedError, StoreUnavailableError, WorkflowError } from '../contract/errors.ts'
import type { JobMetadata, JobStatus, QueueJob } from '../contract/queue-service.ts'
import { quote } from '../domain/describe.ts'
import { checkTtl } from './job-options.ts'

/** A job as a queue's server has it at one moment. */
export interface JobRecord {
  /** As users know it. */
  readonly id: string
  /** The queue it is in. */
  readonly queueName: string
  /** Decoded. */
  readonly data: unknown
  /** At that moment. */
  readonly status: Exclude<JobStatus, 'unknown'>
  /** Undefined unless completed. */
  readonly result: unknown
  /** At that moment. */
  readonly metadata: JobMetadata
}

/** Where a job's records come from: what a queue brings, so that a job behaves alike on all of them. */
export interface JobSource {
  /** The job now; null when it is unknown (any more), or over its age. */
  read(): Promise<JobRecord | null>
  /**
   * Resolves when the job may have ended since it was read last, and now and then in any case: a push where the queue
   * has one, with a slow poll behind it. Resolves at once when `signal` aborts or the service is closed.
   */
  changed(signal: AbortSignal): Promise<void>
}

/** A job to give to users: `record` is what was read, `source` where to look again. */
export function toQueueJob(record: JobRecord, source: JobSource): QueueJob {
  const { id, queueName, data, result } = record
  return {
    id,
    queueName,
    data,
    result,
    status: async () => (await source.read())?.status ?? 'unknown',
    metadata: async () => (await known(record, source)).metadata,
    waitForCompletion: (ttlMs) => waitForCompletion(record, source, ttlMs),
  }
}

async function waitForCompletion(job: JobRecord, source: JobSource, ttlMs: number | undefined): Promise<unknown> {
  checkTtl(ttlMs)
  const over = new AbortController()
  const timer =
    ttlMs === undefined ? undefined : setTimeout(() => over.abort(), Math.min(ttlMs, TIMEOUT_MAX_MS)).unref()
  try {
    for (;;) {
      // Asked for before the job is read: what happens in between must not be missed.
      const changed = source.changed(over.signal)
      const seen = await look(job, source)
      if ('record' in seen) {
        const { status, result, metadata } = seen.record
        if (status === 'completed') return result
        if (status === 'failed') {
          throw new JobFailedError(job.queueName, job.id, metadata.failedReason ?? 'for an unknown reason')
        }
      }
      if (over.signal.aborted) throw notEnded(job, seen, ttlMs)
      await changed
    }
  } finally {
    clearTimeout(timer)
    over.abort()
  }
}

type Seen = { readonly record: JobRecord } | { readonly trouble: unknown }

/** A server that is away for a while ends no wait: the job is there still, and may be ending. */
async function look(job: JobRecord, source: JobSource): Promise<Seen> {
  try {
    return { record: await known(job, source) }
  } catch (error) {
    if (WorkflowError.is(error) && error.code !== 'STORE_UNAVAILABLE') throw error
    return { trouble: error }
  }
}

/** setTimeout holds at most 2^31 − 1 ms; longer ones fire at once. */
const TIMEOUT_MAX_MS = 2_147_483_647

async function known(job: JobRecord, source: JobSource): Promise<JobRecord> {
  const now = await source.read()
  if (now) return now
  throw new WorkflowError(
    'JOB_NOT_FOUND',
    `job ${quote(job.id)} of queue '${job.queueName}' is not known any more: it was removed`,
  )
}

function notEnded({ id, queueName }: JobRecord, seen: Seen, ttlMs: number | undefined): WorkflowError {
  const job = `job ${quote(id)} of queue '${queueName}'`
  if ('trouble' in seen) {
    return new StoreUnavailableError(`${job}: the server could not be asked within ${ttlMs} ms`, {
      cause: seen.trouble,
    })
  }
  const { status } = seen.record
  return new WorkflowError('WAIT_TIMEOUT', `${job} has not ended within ${ttlMs} ms; it is ${status} and goes on`)
}

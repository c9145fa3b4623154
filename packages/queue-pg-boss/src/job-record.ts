import type { JobRecord } from '@pikku/core/queue'
import type { JobWithMetadata } from 'pg-boss'
import { dataOf, fromOutput, progressOf, publicIdOf, reasonFrom, toEnvelope } from './job-data.ts'

/** A row of pg-boss in the words of the contract. */
export function toJobRecord(job: JobWithMetadata): JobRecord {
  const status = statusOf(job)
  return {
    id: publicIdOf(job),
    queueName: job.name,
    data: dataOf(job.data),
    status,
    result: status === 'completed' ? fromOutput(job.output) : undefined,
    metadata: {
      progress: progressOf(job.data),
      // It counts an attempt when the next one begins.
      attemptsMade: job.retryCount + (job.startedOn ? 1 : 0),
      attempts: toEnvelope(job.data)?.attempts ?? job.retryLimit + 1,
      priority: job.priority,
      createdAt: job.createdOn,
      startedAt: job.startedOn ?? undefined,
      finishedAt: job.completedOn ?? undefined,
      failedReason: status === 'completed' ? undefined : reasonFrom(job.output),
    },
  }
}

/** True once a finished job's time is over; pg-boss removes the row somewhat later. */
export function isOver(job: JobWithMetadata): boolean {
  const envelope = toEnvelope(job.data)
  const status = statusOf(job)
  if (!envelope || !job.completedOn || (status !== 'completed' && status !== 'failed')) return false
  const [completed, failed] = envelope.keep
  return job.completedOn.getTime() + (status === 'completed' ? completed : failed) * 1_000 <= Date.now()
}

function statusOf(job: JobWithMetadata): JobRecord['status'] {
  if (job.state === 'active' || job.state === 'completed') return job.state
  if (job.state === 'failed' || job.state === 'cancelled') return 'failed'
  return job.startAfter.getTime() > Date.now() ? 'delayed' : 'waiting'
}

import type { JobRecord } from '@pikku/core/queue'
import type { Job, Queue } from 'bullmq'
import { dataOf, keptValue, publicIdOf, toEnvelope } from './job-data.ts'
import { attemptsOf, attemptsOver, priorityOf } from './job-options.ts'

/** The job now; null when there is none with BullMQ's id, or its time is over (it is cleared away somewhat later). */
export async function readJob(queue: Queue, id: string, queueName: string): Promise<JobRecord | null> {
  // The state first: what is completed then has its result.
  const status = await statusOf(queue, id)
  const job = status && (await queue.getJob(id))
  if (!job || isOver(job, status)) return null
  return toRecord(job, status, queueName)
}

function isOver(job: Job, status: JobRecord['status']): boolean {
  const keep = toEnvelope(job.data)?.keep
  if (!keep || !job.finishedOn || (status !== 'completed' && status !== 'failed')) return false
  return job.finishedOn + keep[status === 'completed' ? 0 : 1] * 1_000 <= Date.now()
}

function toRecord(job: Job, status: JobRecord['status'], queueName: string): JobRecord {
  const [isCompleted, attempts] = [status === 'completed', attemptsOf(job)]
  const begun = attemptsOver(job) + (status === 'active' ? 1 : 0)
  const { progress, processedOn, finishedOn, failedReason } = job
  return {
    id: publicIdOf(job),
    queueName,
    data: dataOf(job.data),
    status,
    result: isCompleted ? keptValue(job.returnvalue) : undefined,
    metadata: {
      // BullMQ says 0 where nothing was told.
      progress: progress === 0 ? undefined : keptValue(progress),
      attemptsMade: Math.min(begun, attempts),
      attempts,
      priority: priorityOf(job),
      createdAt: new Date(job.timestamp),
      // An attempt that was given back is as if it had never begun.
      startedAt: begun === 0 || processedOn === undefined ? undefined : new Date(processedOn),
      finishedAt: finishedOn === undefined ? undefined : new Date(finishedOn),
      failedReason: isCompleted || !failedReason ? undefined : failedReason,
    },
  }
}

async function statusOf(queue: Queue, id: string): Promise<JobRecord['status'] | undefined> {
  const state = await queue.getJobState(id)
  // BullMQ moves what is due only when a worker asks for jobs.
  if (state === 'delayed') return (await dueIn(queue, id)) > 0 ? 'delayed' : 'waiting'
  if (state === 'completed' || state === 'failed' || state === 'active') return state
  return state === 'unknown' ? undefined : 'waiting'
}

/** BullMQ keeps the time in the upper bits, and a number that tells equal ones apart in the lower twelve. */
async function dueIn(queue: Queue, id: string): Promise<number> {
  const client = await queue.getBackend().client
  const score = await client.zscore(queue.toKey('delayed'), id)
  return Math.floor(Number(score ?? 0) / 4_096) - Date.now()
}

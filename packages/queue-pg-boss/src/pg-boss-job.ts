import type { JobStatus, QueueJob } from '@pikku/core/contract'
import type { JobWithMetadata } from 'pg-boss'
import { dataOf, fromOutput, publicIdOf, toEnvelope } from './job-data.ts'

/** A job as it was when it was read; only `status` looks again. */
export class PgBossJob implements QueueJob {
  readonly id: string
  readonly queueName: string
  readonly data: unknown
  readonly result: unknown
  readonly #readAgain: () => Promise<JobWithMetadata | null>

  constructor(job: JobWithMetadata, readAgain: () => Promise<JobWithMetadata | null>) {
    this.id = publicIdOf(job)
    this.queueName = job.name
    this.data = dataOf(job.data)
    this.result = job.state === 'completed' ? fromOutput(job.output) : undefined
    this.#readAgain = readAgain
  }

  /** `unknown` once the job was removed. */
  async status(): Promise<JobStatus> {
    const job = await this.#readAgain()
    return job ? statusOf(job) : 'unknown'
  }
}

/** True once a finished job's time is over; pg-boss removes the row somewhat later. */
export function isOver(job: JobWithMetadata): boolean {
  const envelope = toEnvelope(job.data)
  if (!envelope || !job.completedOn) return false
  if (job.state !== 'completed' && job.state !== 'failed') return false
  const [completed, failed] = envelope.keep
  return job.completedOn.getTime() + (job.state === 'completed' ? completed : failed) * 1_000 <= Date.now()
}

function statusOf(job: JobWithMetadata): JobStatus {
  if (job.state === 'active' || job.state === 'completed') return job.state
  if (job.state === 'failed' || job.state === 'cancelled') return 'failed'
  return job.startAfter.getTime() > Date.now() ? 'delayed' : 'waiting'
}

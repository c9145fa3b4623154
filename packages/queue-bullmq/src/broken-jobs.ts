import type { Logger } from '@pikku/core/contract'
import { quote } from '@pikku/core/queue'
import { Job } from 'bullmq'
import type { Worker } from 'bullmq'
import { reasonOf } from './reason-of.ts'
import type { Client } from './redis-source.ts'
import { removeActive } from './scripts.ts'

/** Whether a fetch failed because of what it fetched: BullMQ takes the job first and reads it afterwards. */
export function isUnreadableJob(error: unknown): boolean {
  return error instanceof SyntaxError || error instanceof TypeError
}

/**
 * Removes jobs under way that BullMQ cannot read, because something else than BullMQ wrote them. It would count each as
 * stalled, hand it out again and fail to read it again, every half minute for ever.
 */
export async function removeUnreadable(worker: Worker, client: Client, logger: Logger): Promise<void> {
  for (const id of await client.lrange(worker.toKey('active'), 0, -1)) {
    const problem = await Job.fromId(worker, id).then(() => null, (error: unknown) => error) // prettier-ignore
    if (!isUnreadableJob(problem)) continue
    await removeActive(client, worker.toKey, id)
    logger.warn(`queue ${worker.name.slice(1, -1)}: job ${quote(id)} cannot be read; removed: ${reasonOf(problem)}`)
  }
}

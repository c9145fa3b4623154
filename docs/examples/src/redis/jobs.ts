// #region jobs
import { BullQueueService } from '@pikku/queue-bullmq'

const queueService = new BullQueueService('redis://localhost:6379')

// Ten at once. What the handler returns is the result; what it throws fails the attempt.
const consumer = await queueService.consume(
  'mail',
  { concurrency: 10 },
  async (job) => `sent ${JSON.stringify(job.data)}`,
)

// From any process. Dates, maps, bigint and undefined stay what they are.
const id = await queueService.add('mail', { to: 'a@b.c' }, { attempts: 3, delay: 500 })
const job = await queueService.getJob('mail', id) // null when there is none
const result = await job?.waitForCompletion(30_000)

await consumer.stop(10_000) // wait ten seconds for jobs under way, then give them back
await queueService.close()
// #endregion

console.log(JSON.stringify(result))

import { QueueWorkers } from '@pikku/core/service'

/**
 * Runs an app's workflows, steps and queue workers from BullMQ queues, in this process, until closed. Takes the app's
 * singleton services, and options: `only` (these queues) and `concurrency` (how much at once, by queue).
 *
 * @example
 * const workers = new BullQueueWorkers(await createSingletonServices())
 * await workers.registerQueues()
 * process.once('SIGTERM', () => workers.close({ graceMs: 10_000 }))
 */
export class BullQueueWorkers extends QueueWorkers {}

import { QueueWorkers } from '@pikku/core/service'

/**
 * Runs an app's workflows, steps and queue workers from pg-boss queues, in this process, until closed. Takes the app's
 * singleton services, and options: `only` (these queues) and `concurrency` (how much at once, by queue).
 *
 * @example
 * const workers = new PgBossQueueWorkers(await createSingletonServices())
 * await workers.registerQueues()
 * process.once('SIGTERM', () => workers.close())
 */
export class PgBossQueueWorkers extends QueueWorkers {}

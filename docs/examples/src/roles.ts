import { PgBossQueueWorkers } from '@pikku/queue-pg-boss'
import type { SingletonServices } from './services.js'

export function stepsOnly(services: SingletonServices): PgBossQueueWorkers {
  // #region roles
  const workers = new PgBossQueueWorkers(services, {
    only: ['pikku-workflow-step-worker', 'thumbnails'],
    concurrency: { 'pikku-workflow-step-worker': 50 },
  })
  // #endregion
  return workers
}

export async function stop(workers: PgBossQueueWorkers): Promise<void> {
  // #region close
  await workers.close({ graceMs: 25_000 })
  // #endregion
}

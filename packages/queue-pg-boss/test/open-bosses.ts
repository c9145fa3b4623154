import type { QueueService } from '@pikku/core/contract'
import type { OpenQueues } from '@pikku/core/testing'
import { PgBoss } from 'pg-boss'
import postgres from 'postgres'
import { PgBossQueueService } from '../src/index.ts'
import { RecordingLogger } from './support.ts'

/** Each process with a PgBoss of its own, so that it can be cut off under the service's feet. */
export function openBosses(url: string): OpenQueues {
  const bosses = new Map<QueueService, PgBoss>()
  return {
    process: () => {
      const boss = new PgBoss({ connectionString: url, schedule: false, max: 4 })
      const service = new PgBossQueueService(boss, { logger: new RecordingLogger() })
      bosses.set(service, boss)
      return Promise.resolve(service)
    },
    vanish: async (service) => {
      await bosses.get(service)?.stop({ graceful: false })
      await noticeDeaths(url)
    },
    dispose: async () => {
      await Promise.all([...bosses.values()].map((boss) => boss.stop({ graceful: false })))
    },
  }
}

/** Supervision as it comes once a minute, for jobs that showed no sign of life for an hour. */
async function noticeDeaths(url: string): Promise<void> {
  const supervisor = new PgBoss({ connectionString: url, schedule: false, max: 2 })
  const sql = postgres(url, { max: 1, onnotice: () => undefined })
  await supervisor.start()
  await sql`update pgboss.job set heartbeat_on = heartbeat_on - interval '1 hour' where state = 'active'`
  const active = await sql`select distinct name from pgboss.job where state = 'active'`
  for (const { name } of active) await supervisor.supervise(name)
  await sql.end()
  await supervisor.stop({ graceful: false })
}

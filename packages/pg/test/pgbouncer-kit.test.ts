import { defineEngineTests, defineWorkflowStoreTests } from '@pikku/core/testing'
import { findPgBouncer, startPgBouncer, withoutPgBouncer, type PgBouncer } from '@pikku/tooling/pgbouncer'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { openPgWorld } from './pg-engine-world.ts'
import { databaseUrl, openPg } from './pg-harness.ts'
import { connectionsLane } from './support/lane.ts'

const notPushed = [
  ...['steps', 'retries', 'promises', 'cancel', 'start', 'values', 'deploys', 'crashes', 'several processes'],
  ...['crash points', 'load', 'stop', 'observe', 'chaos'],
]
const { isLong, some } = connectionsLane(6)

describe.skipIf(!findPgBouncer())(`through PgBouncer in transaction mode${withoutPgBouncer}`, () => {
  let bouncer: PgBouncer
  beforeAll(async () => {
    bouncer = await startPgBouncer(databaseUrl(), { poolSize: 20 })
  }, 60_000)
  afterAll(() => bouncer?.stop())

  defineWorkflowStoreTests({
    name: `pg through PgBouncer${isLong ? '' : ' (every sixth test; all with LANE=slow)'}`,
    runner: some({ describe, test }),
    // A death is not to be seen here: to the server its connection lives as long as the pooler.
    open: async () => {
      const { vanish: _unseen, ...store } = await openPg({ url: bouncer.url, prepare: false })
      return store
    },
  })
  if (isLong) {
    defineEngineTests({
      name: 'PostgreSQL through PgBouncer, inline',
      // What is pushed at once elsewhere is polled here, and a process takes two seconds to find that out.
      runner: {
        describe,
        test: (title, body) => title.startsWith('killed while asleep') || test(title, { timeout: 120_000 }, body),
      },
      groups: notPushed,
      open: () => openPgWorld(bouncer.url),
      everyCrashPoint: 40,
      crashPointWorlds: 2,
    })
  }
})

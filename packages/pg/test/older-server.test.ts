import { defineEngineTests, defineWorkflowStoreTests } from '@pikku/core/testing'
import { findOtherPostgres, startFreshPostgres, type PostgresServer } from '@pikku/tooling/postgres'
import { meet } from '@pikku/tooling/servers-met'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { openPgWorld } from './pg-engine-world.ts'
import { openPg, openSql } from './pg-harness.ts'
import { connectionsLane } from './support/lane.ts'

const binaries = findOtherPostgres()
const missing = binaries ? '' : ' (skipped: there is none; apt-get install postgresql-15)'
const { isLong, some } = connectionsLane(5)

describe.skipIf(!binaries)(`on another version of PostgreSQL${missing}`, () => {
  let server: PostgresServer

  beforeAll(async () => {
    server = await startFreshPostgres({ binaries: binaries ?? '', settings: { max_connections: '200' } })
    const sql = openSql(1, server.url)
    const [row] = await sql`select current_setting('server_version') as version`
    await sql.end()
    meet(`PostgreSQL ${String(row?.['version']).split(' ')[0]}`)
  }, 60_000)
  afterAll(() => server?.dispose())

  defineWorkflowStoreTests({
    name: `another PostgreSQL${isLong ? '' : ' (every fifth test; all with LANE=slow)'}`,
    runner: some({ describe, test }),
    open: () => openPg({ server: server.url }),
  })
  defineEngineTests({
    name: `another PostgreSQL, inline${isLong ? '' : ' (every fifth test)'}`,
    runner: some({ describe, test: (title, body) => test(title, { timeout: 60_000 }, body) }),
    open: () => openPgWorld(server.url),
    // Those are played on the usual one.
    everyCrashPoint: 0,
  })
})

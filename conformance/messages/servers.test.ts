import { createRpc } from '@pikku/core'
import { PgWorkflowService } from '@pikku/pg'
import { PgBossQueueService, PgBossQueueWorkers } from '@pikku/queue-pg-boss'
import { startFreshPostgres, type PostgresServer } from '@pikku/tooling/postgres'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { registerTestApp } from './app.ts'
import { startOldServer } from './fake-server.ts'
import { describeError } from './notebook.ts'
import { freePort, notebook, password, refusals, refuseEverything, type Makers } from './refusals.ts'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

const makers: Makers = {
  workflowService: (url, queueService) => new PgWorkflowService(url, queueService, 'workflows', { leaseMs: 1_000 }),
  queueService: (url) => new PgBossQueueService(url, { logger: quiet }),
  workers: (services) => new PgBossQueueWorkers(services),
}

let server: PostgresServer

beforeAll(async () => {
  server = await startFreshPostgres()
  await run(server.url, `create role ada login password '${password}'`)
  await run(server.url, 'create database app')
  registerTestApp()
})

afterAll(() => server?.dispose())

async function run(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  await sql.unsafe(statement).finally(() => sql.end())
}

/** The server's address with these parts changed. */
function at(changes: { user?: string; password?: string; database?: string; port?: number }): string {
  const url = new URL(server.url)
  if (changes.user) [url.username, url.password] = [changes.user, changes.password ?? password]
  if (changes.database) url.pathname = `/${changes.database}`
  if (changes.port) url.port = String(changes.port)
  return url.href
}

test('a server that cannot be reached', async () => {
  const port = await freePort()
  const notes = notebook([port])
  const atNoAddress = refusals(makers, `postgresql://ada:${password}@localhost:${port}/app`)
  await refuseEverything(notes, makers, {
    'nobody listens': `postgresql://ada:${password}@127.0.0.1:${port}/app`,
    'no such host': `postgresql://ada:${password}@no-such-host.invalid:5432/app`,
  })
  await notes.check('unreachable-server')
  // Which addresses these are depends on the machine; a failure of several has no message of its own.
  for (const [given, error] of await atNoAddress) {
    expect(describeError(error), given).toMatch(/^STORE_UNAVAILABLE: .* at localhost:\d+\/app.*: connect E\w+ /)
  }
})

test('a server that refuses', async () => {
  const notes = notebook([server.port])
  await refuseEverything(notes, makers, {
    'a wrong password': at({ user: 'ada', password: `${password}x`, database: 'app' }),
    'no such database': at({ database: 'nothing' }),
    'no such role': at({ user: 'nobody', database: 'app' }),
  })
  await notes.check('refusing-server')
})

test('a role that may not create tables', async () => {
  const notes = notebook([server.port])
  await refuseEverything(notes, makers, { 'least privilege': at({ user: 'ada', database: 'app' }) })
  await notes.check('least-privilege')
})

test('too old a server', async () => {
  const old = await startOldServer(90_624)
  onTestFinished(() => old.close())
  const notes = notebook([Number(new URL(old.url).port)])
  await refuseEverything(notes, makers, { '9.6': old.url.replace('secret', password) })
  await notes.check('old-server')
  expect(old.asked.filter((statement) => /create|insert|alter/i.test(statement) && !/pgboss/i.test(statement))).toEqual(
    [],
  )
})

test('a database that holds a newer schema, or an incomplete one', async () => {
  const notes = notebook([server.port])
  const url = at({ database: 'app' })
  const open = (migrate: boolean) => {
    const service = new PgWorkflowService(url, undefined, 'workflows', { migrate })
    onTestFinished(() => service.close())
    return service
  }
  const firstLines = (error: unknown) => {
    // The SQL that follows is the migrations themselves.
    const { message } = error as Error
    throw Object.assign(error as Error, { message: message.split('\n').slice(0, 6).join('\n') })
  }
  await notes.refused('migrate: false, no tables: init()', () => open(false).init().catch(firstLines))
  await notes.refused("migrate: false, no tables: getRun('x')", () => open(false).getRun('x').catch(firstLines))
  expect(await tables(url)).toEqual([])
  await open(true).init()
  await run(url, "insert into workflows.workflow_migration (version, name, min_client) values (99, 'later', 99)")
  await notes.refused('a newer schema: init()', () => open(true).init())
  await notes.refused("a newer schema: getRun('x')", () => open(true).getRun('x'))
  const service = open(true)
  const rpc = createRpc({ workflowService: service, logger: quiet })
  await notes.refused("a newer schema: rpc.startWorkflow('echo', 1)", () => rpc.startWorkflow('echo', 1))
  await notes.check('schema-version')
})

async function tables(url: string): Promise<unknown[]> {
  const sql = postgres(url, { max: 1 })
  return [...(await sql`select * from pg_tables where schemaname = 'workflows'`.finally(() => sql.end()))]
}

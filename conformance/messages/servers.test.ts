import net from 'node:net'
import { inspect } from 'node:util'
import { createRpc } from '@pikku/core'
import { PgWorkflowService } from '@pikku/pg'
import { PgBossQueueService, PgBossQueueWorkers } from '@pikku/queue-pg-boss'
import { startFreshPostgres, type PostgresServer } from '@pikku/tooling/postgres'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { registerTestApp } from './app.ts'
import { startOldServer } from './fake-server.ts'
import { describeError, Notebook } from './notebook.ts'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const password = 'Pa55-w0rd'

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

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const probe = net.createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as net.AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

const notebook = (ports: readonly number[]) =>
  new Notebook([
    ...ports.map((port, index) => [new RegExp(String(port), 'g'), `<port ${index + 1}>`] as const),
    [/127\.0\.0\.1:/g, '<localhost>:'],
    // What a machine without a name server says.
    [/EAI_AGAIN/g, 'ENOTFOUND'],
  ])

/** What each thing that a person could do first with a server rejects with, on one that does not let it. */
async function refusals(url: string): Promise<[given: string, error: unknown][]> {
  const queueService = new PgBossQueueService(url, { logger: quiet })
  const workflowService = new PgWorkflowService(url, queueService, 'workflows', { leaseMs: 1_000 })
  onTestFinished(async () => {
    await workflowService.close()
    await queueService.close()
  })
  const services = { workflowService, queueService, logger: quiet }
  const rpc = createRpc(services)
  const acts: Record<string, () => Promise<unknown>> = {
    'workflowService.init()': () => workflowService.init(),
    "workflowService.getRun('x')": () => workflowService.getRun('x'),
    "rpc.startWorkflow('echo', 1)": () => rpc.startWorkflow('echo', 1),
    'workers.registerQueues()': () => new PgBossQueueWorkers(services).registerQueues(),
    'queueService.init()': () => queueService.init(),
    "queueService.add('mail', 1)": () => queueService.add('mail', 1),
  }
  const outcomes = Object.entries(acts).map(async ([given, act]): Promise<[string, unknown]> => {
    const error = await act().then(() => expect.fail(`not refused: ${given}`), (thrown: unknown) => thrown) // prettier-ignore
    // As `console.error` shows it, with its cause and every field.
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(password)
    return [given, error]
  })
  return Promise.all(outcomes)
}

/** All at once, because whoever cannot be reached is tried again for a while; noted in order. */
async function refuseEverything(notes: Notebook, urls: Readonly<Record<string, string>>): Promise<void> {
  const all = await Promise.all(Object.values(urls).map(refusals))
  for (const [index, what] of Object.keys(urls).entries()) {
    for (const [given, error] of all[index]!) notes.add(`${what}: ${given}`, describeError(error))
  }
}

test('a server that cannot be reached', async () => {
  const port = await freePort()
  const notes = notebook([port])
  const atNoAddress = refusals(`postgresql://ada:${password}@localhost:${port}/app`)
  await refuseEverything(notes, {
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
  await refuseEverything(notes, {
    'a wrong password': at({ user: 'ada', password: `${password}x`, database: 'app' }),
    'no such database': at({ database: 'nothing' }),
    'no such role': at({ user: 'nobody', database: 'app' }),
  })
  await notes.check('refusing-server')
})

test('a role that may not create tables', async () => {
  const notes = notebook([server.port])
  await refuseEverything(notes, { 'least privilege': at({ user: 'ada', database: 'app' }) })
  await notes.check('least-privilege')
})

test('too old a server', async () => {
  const old = await startOldServer(90_624)
  onTestFinished(() => old.close())
  const notes = notebook([Number(new URL(old.url).port)])
  await refuseEverything(notes, { '9.6': old.url.replace('secret', password) })
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

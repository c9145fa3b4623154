import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import type postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PgWorkflowService, type PgWorkflowServiceOptions } from '../src/index.ts'
import { databaseUrl, freshSchema, openSql, quiet } from './pg-harness.ts'
import { registryOf } from './support/app.ts'

/*
 * A server, a database and a role may be set in ways that a library does not expect. Whatever they are, a run ends as it
 * should, or the first call says what is wrong.
 */

const said = 'é ü ß 日本 😀 \\ \' " \n'
const registry = registryOf({
  workflows: {
    mixed: async ({ workflow }) => {
      const at = await workflow.do('date', () => new Date(1_795_437_049_552))
      const text = await workflow.do('text', 'echo', said)
      await workflow.sleep('a little', 20)
      const numbers = await Promise.all([0.1 + 0.2, 2 ** 53 - 1, -0].map((n, i) => workflow.do(`n${i}`, 'echo', n)))
      const rest = []
      for (let i = 0; i < 12; i += 1) rest.push(await workflow.do(`more ${i}`, () => i))
      return { at, text, numbers, rest: rest.length }
    },
  },
  functions: { echo: (_services, data) => data },
})
const output = {
  at: new Date(1_795_437_049_552),
  text: said,
  numbers: [0.1 + 0.2, 2 ** 53 - 1, -0],
  rest: 12,
}

let admin: postgres.Sql
let closing: (() => Promise<unknown>)[]

beforeAll(() => {
  admin = openSql()
})
afterAll(() => admin.end())
beforeEach(() => {
  closing = []
})
afterEach(async () => {
  for (const close of closing.reverse()) await close()
}, 60_000)

function open(url: string, options: PgWorkflowServiceOptions & { schema?: string } = {}): PgWorkflowService {
  const { schema = decodeURIComponent(new URL(url).username), ...rest } = options
  const service = new PgWorkflowService(url, undefined, schema, rest)
  closing.push(() => service.close({ graceMs: 0 }))
  service.bind({ workflowService: service, logger: quiet }, registry)
  return service
}

async function run(service: PgWorkflowService): Promise<unknown> {
  const { runId } = await service.startRun('mixed', null, { runId: randomUUID() })
  return service.waitForRun(runId, { timeout: 30_000 })
}

async function openDatabase(how: string): Promise<URL> {
  const name = freshSchema()
  await admin.unsafe(`create database ${name} ${how}`)
  closing.push(() => admin.unsafe(`drop database ${name} with (force)`))
  return urlOf({ database: name })
}

function urlOf({ database, role }: { database?: string; role?: string }): URL {
  const url = new URL(databaseUrl())
  if (database) url.pathname = `/${database}`
  if (role) {
    url.username = role
    url.password = 'x'
  }
  return url
}

/** A role that owns a schema of its own, of the same name. */
async function openRole(how = ''): Promise<{ role: string; url: URL }> {
  const role = freshSchema()
  await admin.unsafe(`create role ${role} login password 'x' ${how}; create schema ${role} authorization ${role}`)
  closing.push(() => admin.unsafe(`drop owned by ${role} cascade; drop role ${role}`))
  return { role, url: urlOf({ role }) }
}

const limits = [
  'statement_timeout = 20',
  'lock_timeout = 1',
  'idle_in_transaction_session_timeout = 1',
  'idle_session_timeout = 30',
  'transaction_timeout = 20',
]
const isolation = [
  'default_transaction_isolation = serializable',
  `default_transaction_isolation = 'repeatable read'`,
  'default_transaction_deferrable = on',
]
const plans = [
  'plan_cache_mode = force_custom_plan',
  'plan_cache_mode = force_generic_plan',
  'enable_indexscan = off',
  'jit_above_cost = 0',
  'work_mem = 64',
]
const texts = [
  `search_path = ''`,
  `search_path = '"no such schema", pg_temp, pg_catalog'`,
  `"DateStyle" = 'German, DMY'`,
  `"TimeZone" = 'Asia/Kathmandu'`,
  `"IntervalStyle" = 'sql_standard'`,
  `bytea_output = 'escape'`,
  `extra_float_digits = -15`,
  `client_encoding = 'LATIN1'`,
  'standard_conforming_strings = off',
  'backslash_quote = off',
  'quote_all_identifiers = on',
  'transform_null_equals = on',
  'array_nulls = off',
  'row_security = off',
  `synchronous_commit = off`,
  `default_toast_compression = 'pglz'`,
  `client_min_messages = 'debug5'`,
]
const settings = [...limits, ...isolation, ...plans, ...texts]

const isLong = process.env['LANE'] === 'slow'
const apart = isLong ? settings : limits

describe('settings of a role', () => {
  async function known(all: readonly string[]): Promise<readonly string[]> {
    const rows = await admin`select lower(name) as name from pg_settings`
    const names = new Set(rows.map(({ name }) => String(name)))
    return all.filter((setting) => names.has((setting.split(' ')[0] ?? '').replaceAll('"', '').toLowerCase()))
  }

  async function runWith(all: readonly string[]): Promise<unknown> {
    const { role, url } = await openRole()
    for (const setting of await known(all)) await admin.unsafe(`alter role ${role} set ${setting}`)
    return run(open(url.href))
  }

  it.each(apart)('%s', { timeout: 60_000 }, async (setting) => {
    expect(await runWith([setting])).toEqual(output)
  })

  it('every one of them together', { timeout: 60_000 }, async () => {
    expect((await known(settings)).length).toBeGreaterThan(settings.length - 3)
    expect(await runWith(settings)).toEqual(output)
  })
})

describe('rights and limits', () => {
  it('a role that may do nothing but read and write the tables', { timeout: 30_000 }, async () => {
    const { role: schema, url } = await openRole()
    await open(url.href).init()
    const { role, url: least } = await openRole()
    await admin.unsafe(`drop schema ${role}`)
    // What docs/postgres.md shows.
    const grants = fs.readFileSync(new URL('../../../docs/examples/grants.sql', import.meta.url), 'utf8')
    await admin.unsafe(grants.replaceAll(/\bworkflows\b/g, schema).replaceAll(/\bapp\b/g, role))
    expect(await run(open(least.href, { schema, migrate: false }))).toEqual(output)
  })

  it('nine connections are enough', { timeout: 60_000 }, async () => {
    const { url } = await openRole('connection limit 9')
    const service = open(url.href)
    expect(await Promise.all([run(service), run(service), run(service)])).toEqual([output, output, output])
  })

  it.runIf(isLong)('two are too few, which is said after ten seconds (LANE=slow)', { timeout: 60_000 }, async () => {
    const { url } = await openRole('connection limit 2')
    await expect(run(open(url.href))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('too many connections'),
    })
  })

  it('a server that is full at the start lets in later', { timeout: 60_000 }, async () => {
    const { role, url } = await openRole('connection limit 0')
    const service = open(url.href)
    await expect(service.init()).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('too many connections'),
    })
    await admin.unsafe(`alter role ${role} connection limit 20`)
    await service.init()
    expect(await run(service)).toEqual(output)
  })
})

describe('the password', () => {
  it(
    'is changed while runs go on: connections that are open stay, new ones are refused until it is known',
    { timeout: 60_000 },
    async () => {
      const { role, url } = await openRole()
      let password = 'x'
      const where = { host: url.hostname, port: Number(url.port), database: url.pathname.slice(1) }
      const service = new PgWorkflowService({ ...where, user: role, password: () => password }, undefined, role)
      closing.push(() => service.close({ graceMs: 0 }))
      service.bind({ workflowService: service, logger: quiet }, registry)
      expect(await run(service)).toEqual(output)
      await admin.unsafe(`alter role ${role} password 'y'`)
      expect(await run(service)).toEqual(output)
      const method = await admin`select 1 from pg_hba_file_rules where auth_method <> 'trust'`
      await admin`select pg_terminate_backend(pid) from pg_stat_activity where usename = ${role}`
      if (method.length > 0) {
        await expect(service.getRun('x')).rejects.toMatchObject({
          code: 'STORE_UNAVAILABLE',
          message: expect.stringMatching(/refuses the connection.*password/),
        })
      }
      password = 'y'
      expect(await run(service)).toEqual(output)
    },
  )

  it.each(['p@ss:w/rd?#[]%', 'sp ace,comma', `'"\\$&`, 'ünïcode 日本'])('%s', { timeout: 30_000 }, async (password) => {
    const { role, url } = await openRole()
    await admin.unsafe(`alter role ${role} password '${password.replaceAll("'", "''")}'`)
    const odd = new URL(url)
    odd.password = encodeURIComponent(password)
    await open(odd.href).init()
    odd.password = encodeURIComponent(`${password}!`)
  })
})

describe('the encoding of the database', () => {
  const of = (encoding: string) => `encoding '${encoding}' lc_collate 'C' lc_ctype 'C' template template0`

  it('SQL_ASCII keeps what it is told', { timeout: 60_000 }, async () => {
    const url = await openDatabase(of('SQL_ASCII'))
    expect(await run(open(url.href, { schema: 'workflows' }))).toEqual(output)
  })

  it('LATIN1 cannot, and is refused before anything is written', { timeout: 60_000 }, async () => {
    const url = await openDatabase(of('LATIN1'))
    await expect(open(url.href, { schema: 'workflows' }).init()).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining('LATIN1'),
    })
  })
})

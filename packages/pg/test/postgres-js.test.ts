import { readdirSync, readFileSync } from 'node:fs'
import net from 'node:net'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Driver } from '../src/driver.ts'
import type { Connection, Pool } from '../src/driver.ts'
import { databaseUrl, freshSchema, openSql, quiet, until } from './pg-harness.ts'
import { openProxy, type PgProxy } from './support/pg-proxy.ts'

/*
 * What is known to go wrong in postgres.js 3.4.9, by the numbers of its issues, and that it does not reach us. An error
 * that no caller can catch (an unhandled rejection, an exception in a timer) fails this file by itself.
 */

const answerTimeoutMs = 1_500

let proxy: PgProxy
let admin: postgres.Sql
let closing: (() => Promise<unknown>)[]

beforeAll(async () => {
  proxy = await openProxy(databaseUrl())
  admin = openSql()
})
afterAll(async () => {
  await admin.end()
  await proxy.close()
})
beforeEach(() => {
  closing = []
})
afterEach(async () => {
  for (const close of closing.reverse()) await close()
})

function open(connection: Connection = proxy.url, max = 1): { driver: Driver; pool: Pool } {
  const driver = new Driver(connection, { logger: quiet, userTimeoutMs: 1_000, answerTimeoutMs })
  closing.push(() => driver.close())
  return { driver, pool: driver.pool({ max }) }
}

const ask = (pool: Pool, text: string, ...parameters: (string | number)[]) =>
  pool.query({ name: 'test', text }, parameters)
const one = (pool: Pool) => ask(pool, 'select $1::int as one', 1)
const pidOf = async (pool: Pool): Promise<number> =>
  (await ask(pool, 'select pg_backend_pid() as pid'))[0]?.['pid'] as number
const terminate = (pid: number) => admin.unsafe('select pg_terminate_backend($1, 1000)', [pid])

async function took(act: () => Promise<unknown>): Promise<number> {
  const since = performance.now()
  await act()
  return performance.now() - since
}

/** Options for a server that asks for a password in plain text, and lets nobody in, in the words of PgBouncer. */
async function strangeServer({ asksPassword = true } = {}): Promise<{ host: string; port: number }> {
  const message = (type: string, body: Buffer): Buffer => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length + 4)
    return Buffer.concat([Buffer.from(type), length, body])
  }
  const refuse = (client: net.Socket, why: string): void =>
    void client.write(message('E', Buffer.from(`SFATAL\0C28P01\0M${why}\0\0`)))
  const server = net.createServer((client) => {
    client.on('error', () => undefined)
    client.once('data', () => {
      if (!asksPassword) return refuse(client, 'no')
      client.write(message('R', Buffer.from([0, 0, 0, 3])))
      client.once('data', (told) => refuse(client, `told '${told.toString('utf8', 5, told.length - 1)}'`))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.unshift(async () => void server.close())
  return { host: '127.0.0.1', port: (server.address() as net.AddressInfo).port }
}

/** Options of a role of its own, with its settings. */
async function roleWith(settings: string): Promise<URL> {
  const role = freshSchema()
  await admin.unsafe(`create role ${role} login password 'x'`)
  closing.unshift(() => admin.unsafe(`drop role ${role}`))
  await admin.unsafe(`alter role ${role} ${settings}`)
  const url = new URL(databaseUrl())
  url.username = role
  url.password = 'x'
  return url
}

describe('postgres.js, its known defects', () => {
  it('#1066 #1133 #1154 #1208 #1215 #1216 #1219 #310: what holds a connection for longer than a statement is not used', () => {
    const src = fileURLToPath(new URL('../src', import.meta.url))
    const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
    const calls = files.flatMap((file) => {
      const found = readFileSync(`${src}/${file}`, 'utf8').match(
        /sql\.(begin|reserve|listen|subscribe|notify|cursor)\(/g,
      )
      return (found ?? []).map((call) => `${file}: ${call}`)
    })
    expect(files.length).toBeGreaterThan(20)
    expect(calls).toEqual([])
  })

  it('#1119 #1120 #1181: after a statement that failed amid its rows the next answer has no holes', async () => {
    const { pool } = open()
    for (let tries = 0; tries < 3; tries += 1) {
      await expect(ask(pool, 'select 1 / (4 - i) as x from generate_series($1::int, 10) i', 1)).rejects.toThrow('zero')
      expect(await ask(pool, 'select i from generate_series($1::int, 3) i', 1)).toEqual([{ i: 1 }, { i: 2 }, { i: 3 }])
    }
  })

  it('#1193: a server that hangs up before it lets us in is not called again and again', async () => {
    const { pool } = open()
    proxy.refusing = true
    closing.push(async () => void (proxy.refusing = false))
    const before = proxy.refused
    expect(await took(() => expect(one(pool)).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' }))).toBeLessThan(500)
    expect(proxy.refused - before).toBe(1)
    proxy.refusing = false
    expect(await one(pool)).toEqual([{ one: 1 }])
  })

  it('#1133: a killed connection does not fail the statement after it', async () => {
    const { pool } = open()
    for (let tries = 0; tries < 5; tries += 1) {
      const pid = await pidOf(pool)
      const sleeping = ask(pool, 'select pg_sleep($1::int)::text', 5)
      const failure = sleeping.catch((error: unknown) => error)
      const active = `select 1 from pg_stat_activity where pid = $1 and state = 'active'`
      await until(async () => (await admin.unsafe(active, [pid])).length > 0)
      await terminate(pid)
      expect(await failure).toMatchObject({ code: expect.stringMatching(/^(57P01|CONNECTION_CLOSED|ECONNRESET)$/) })
      expect(await one(pool)).toEqual([{ one: 1 }])
    }
  })

  it('#1168: a connection that breaks with bytes unsent leaves no other one mute', { timeout: 30_000 }, async () => {
    const { pool } = open()
    for (let tries = 0; tries < 60; tries += 1) {
      await one(pool)
      const asked = ask(pool, 'select $1::text as t', 'x'.repeat(tries % 2 === 0 ? 10 : 2_000))
      // Now, after what was just asked is on its way, or between the two.
      const cut = () => proxy.cut()
      if (tries % 3 === 0) cut()
      else if (tries % 3 === 1) setImmediate(cut)
      else queueMicrotask(cut)
      await asked.catch(() => 'lost, as it may be')
      expect(await took(() => one(pool).catch(() => one(pool)))).toBeLessThan(answerTimeoutMs / 2)
    }
  })

  it('#1089: a server that says nothing is given up, and its neighbours are not', async () => {
    const { pool } = open(proxy.url, 2)
    const [pid, other] = await Promise.all([
      pidOf(pool),
      ask(pool, 'select pg_sleep(0.05)::text, pg_backend_pid() as pid'),
    ])
    expect(other[0]?.['pid']).not.toBe(pid)
    const withheld = proxy.withholdAnswer((text) => text.includes('withheld'))
    const silent = ask(pool, `select 'withheld' as who, $1::int`, 1).catch((error: unknown) => error)
    await withheld
    const since = performance.now()
    await until(() => performance.now() - since > answerTimeoutMs / 2)
    const neighbour = ask(pool, 'select $1::int as n, pg_sleep($2)::text as slept', 7, answerTimeoutMs / 1_250)
    expect(await silent).toMatchObject({ code: 'NO_ANSWER' })
    expect(await neighbour).toEqual([{ n: 7, slept: '' }])
    expect(await one(pool)).toEqual([{ one: 1 }])
  })

  it('#1089: after one that said nothing, those that wait for their next statement are not tried one by one', async () => {
    const { pool } = open(proxy.url, 3)
    await Promise.all([1, 2, 3].map(() => ask(pool, 'select pg_sleep(0.05)::text')))
    proxy.freeze()
    await expect(one(pool)).rejects.toMatchObject({ code: 'NO_ANSWER' })
    expect(await took(() => one(pool))).toBeLessThan(answerTimeoutMs / 2)
  })

  it('a connection with nothing to do is closed after a while, and made again on use', async () => {
    const { driver } = open(databaseUrl())
    const pool = driver.pool({ max: 1, idleSeconds: 0.2 })
    const pid = await pidOf(pool)
    const isOpen = async () => (await admin.unsafe('select 1 from pg_stat_activity where pid = $1', [pid])).length > 0
    await until(async () => !(await isOpen()))
    expect(await pidOf(pool)).not.toBe(pid)
  })

  it('#1142: closing ends, though the connection was reset or nobody answers', async () => {
    const { driver, pool } = open()
    await one(pool)
    const lost = ask(pool, 'select pg_sleep($1::int)::text', 5).catch((error: unknown) => error)
    proxy.cut()
    await lost
    expect(await took(() => driver.close())).toBeLessThan(1_000)

    const { driver: silent, pool: withheld } = open()
    await one(withheld)
    const happened = proxy.withholdAnswer((text) => text.includes('never told'))
    const untold = ask(withheld, `select 'never told' as x, $1::int`, 1).catch((error: unknown) => error)
    await happened
    expect(await took(() => silent.close())).toBeLessThan(2_500)
    await untold
  })

  it('#279 #1192 #1205: no statement of the library itself goes before ours, to fail where nobody catches it', async () => {
    const { pool } = open((await roleWith('set statement_timeout = 1')).href)
    const before = proxy.executed.length
    expect(await one(pool)).toEqual([{ one: 1 }])
    const { pool: proxied } = open()
    await one(proxied)
    expect(proxy.executed.slice(before)).toEqual([
      expect.stringContaining('server_version_num'),
      'select $1::int as one',
    ])
  })

  it('a function for the password that fails or takes its time ends no process, and is asked again', async () => {
    const url = await roleWith('set work_mem = 4096')
    let asked = 0
    const { pool } = open({
      host: url.hostname,
      port: Number(url.port),
      user: url.username,
      database: 'postgres',
      password: async () => {
        asked += 1
        await new Promise((resolve) => void setTimeout(resolve, 20))
        if (asked === 1) throw new Error('the vault is sealed')
        return 'x'
      },
    })
    await expect(one(pool)).rejects.toThrow('the vault is sealed')
    expect(await one(pool)).toEqual([{ one: 1 }])
  })

  it.each([
    ['no password', undefined, ''],
    ['a number for one', 4711, '4711'],
  ])('a function for the password that returns %s ends no process', async (_what, returned, sent) => {
    const { pool } = open({ ...(await strangeServer()), password: () => returned as never })
    await expect(one(pool)).rejects.toMatchObject({ code: '28P01', message: `told '${sent}'` })
  })

  it('options for TLS that are none end no process, and are said to be none', async () => {
    const { pool } = open({ ...(await strangeServer()), ssl: { cert: 'no certificate', key: 'no key' } })
    await expect(one(pool)).rejects.toMatchObject({
      code: 'ERR_TLS_OPTIONS',
      message: expect.stringContaining('options that were given for TLS'),
    })
  })

  it('what a pooler calls fatal ends the connection: it leaves out the field that servers say so in', async () => {
    const { driver } = open({ ...(await strangeServer({ asksPassword: false })) })
    const connection = driver.connect({ onClose: () => undefined })
    const asked = { parameters: [], prepare: false, withinMs: answerTimeoutMs }
    await expect(connection.query({ name: 'test', text: 'select 1' }, asked)).rejects.toMatchObject({ code: '28P01' })
    expect([connection.hasAnswered, connection.isOpen]).toEqual([false, false])
  })

  it('25006: no pool uses a connection again that it has to a server that takes no writes', async () => {
    const { driver, pool } = open(databaseUrl())
    const reading = driver.pool({ max: 1 })
    const pid = await pidOf(reading)
    await expect(
      ask(pool, `do $$ begin raise sqlstate '25006' using message = 'read-only'; end $$`),
    ).rejects.toMatchObject({ code: '25006' })
    expect(await pidOf(reading)).not.toBe(pid)
  })

  it('a statement whose prepared form the server has forgotten is prepared again, and answered once', async () => {
    const { pool } = open()
    const table = freshSchema()
    await admin.unsafe(`create table ${table} (a int); insert into ${table} values (1)`)
    closing.push(() => admin.unsafe(`drop table ${table}`))
    expect(await ask(pool, `select * from ${table} where a = $1`, 1)).toEqual([{ a: 1 }])
    await admin.unsafe(`alter table ${table} add b int default 2`)
    const again = () => ask(pool, `select * from ${table} where a = $1`, 1)
    expect(await again().catch(again)).toEqual([{ a: 1, b: 2 }])
    expect(await one(pool)).toEqual([{ one: 1 }])
  })

  it('of several hosts the one that takes writes is found, and found again', { timeout: 30_000 }, async () => {
    const { hostname, port, username, password, pathname } = new URL(databaseUrl())
    const role = await roleWith('set default_transaction_read_only = on')
    const shared = { database: pathname.slice(1), user: username, password: decodeURIComponent(password) }
    // Nobody listens at the first.
    const { pool } = open({ ...shared, host: ['127.0.0.1', hostname], port: [1, Number(port)] } as never)
    expect(await one(pool)).toEqual([{ one: 1 }])
    await terminate(await pidOf(pool))
    // The end of the connection may be on its way still.
    expect(await one(pool).catch(() => one(pool))).toEqual([{ one: 1 }])

    const { pool: onStandby } = open({
      host: [hostname, hostname],
      port: [Number(port), Number(port)],
      database: 'postgres',
      user: role.username,
      password: 'x',
      target_session_attrs: 'read-write',
    } as never)
    await expect(one(onStandby)).rejects.toMatchObject({ code: '25006' })
  })

  it.each([
    ['a URL', (port: number) => `postgres://[::1]:${port}`],
    ['options', (port: number) => ({ host: '::1', port })],
  ])('IPv6, as %s', async (_as, connectionTo) => {
    const target = new URL(databaseUrl())
    const server = net.createServer((client) => {
      const upstream = net.connect(Number(target.port || 5432), target.hostname)
      client.on('error', () => upstream.destroy()).pipe(upstream)
      upstream.on('error', () => client.destroy()).pipe(client)
    })
    server.listen(0, '::1')
    await once(server, 'listening')
    closing.unshift(async () => server.close())
    const given = connectionTo((server.address() as net.AddressInfo).port)
    const who = { username: target.username, password: decodeURIComponent(target.password) }
    const database = target.pathname.slice(1)
    const connection =
      typeof given === 'string'
        ? `${given.replace('://', `://${target.username}:${target.password}@`)}/${database}`
        : { ...given, ...who, database }
    const { pool, driver } = open(connection)
    expect(await one(pool)).toEqual([{ one: 1 }])
    expect(driver.target).toContain('[::1]')
  })
})

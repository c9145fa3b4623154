import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import postgres from 'postgres'
import { expect, test } from 'vitest'
import { startFreshPostgres } from './postgres.ts'
import { until } from './until.ts'

async function query<T>(url: string, ask: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1 })
  try {
    return await ask(sql)
  } finally {
    await sql.end()
  }
}

test('the global setup gave the tests a server', async () => {
  const [row] = await query(process.env['DATABASE_URL'] ?? '', (sql) => sql`select 1 as one`)
  expect(row?.['one']).toBe(1)
})

test('a fresh server takes settings, keeps its data over kill and stop, and leaves nothing behind', async () => {
  const server = await startFreshPostgres({ settings: { max_connections: '17' } })
  const scratch = path.dirname(server.log)
  try {
    const [row] = await query(server.url, (sql) => sql`select current_setting('max_connections') as max`)
    expect(row?.['max']).toBe('17')
    await query(server.url, (sql) => sql`create table kept as select 1 as value`)

    await server.kill()
    await expect(query(server.url, (sql) => sql`select 1`)).rejects.toThrow()
    await server.start()
    expect(await query(server.url, async (sql) => [...(await sql`select value from kept`)])).toEqual([{ value: 1 }])

    await server.stop()
    await expect(query(server.url, (sql) => sql`select 1`)).rejects.toThrow()
    await server.start()
    expect(await query(server.url, async (sql) => [...(await sql`select value from kept`)])).toEqual([{ value: 1 }])
  } finally {
    await server.dispose()
  }
  expect(fs.existsSync(scratch)).toBe(false)
})

test('a server needs its password', async () => {
  const server = await startFreshPostgres()
  try {
    const wrong = new URL(server.url)
    wrong.password = 'guess'
    await expect(query(wrong.href, (sql) => sql`select 1`)).rejects.toThrow(/password/)
  } finally {
    await server.dispose()
  }
})

test('a server dies with the process that started it, however that one ends', async () => {
  const program = `
    import { startFreshPostgres } from ${JSON.stringify(path.join(import.meta.dirname, 'postgres.ts'))}
    const server = await startFreshPostgres()
    console.log(server.log)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const scratch = path.dirname(line.toString().trim())
  const serverPid = Number(fs.readFileSync(path.join(scratch, 'data/postmaster.pid'), 'utf8').split('\n')[0])

  child.kill('SIGKILL')

  await until('its data is deleted', () => !fs.existsSync(scratch))
  expect(() => process.kill(serverPid, 0)).toThrow('ESRCH')
})

test('a setting the server refuses is reported with the log of the server', async () => {
  await expect(startFreshPostgres({ settings: { max_connections: 'many' } })).rejects.toThrow(/max_connections/)
})

import { randomUUID } from 'node:crypto'
import postgres from 'postgres'
import type { StorePorts } from '@pikku/core/contract'
import type { OpenStore } from '@pikku/core/testing'
import { openPgStore } from '../src/index.ts'
import type { PgStoreOptions } from '../src/index.ts'
import { openSchema } from '../src/schema.ts'

export function databaseUrl(): string {
  const url = process.env['DATABASE_URL']
  if (!url) throw new Error('DATABASE_URL is not set: the tests need a PostgreSQL server')
  return url
}

export const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: console.error }

export function freshSchema(): string {
  return `pikku_test_${randomUUID().replaceAll('-', '').slice(0, 16)}`
}

/** One connection of the test's own, which looks at things and holds locks. */
export function openSql(max = 1, url = databaseUrl()): postgres.Sql {
  return postgres(url, { max, onnotice: () => {} })
}

export interface PgHarness extends OpenStore {
  readonly schema: string
  readonly sql: postgres.Sql
}

interface PgHarnessOptions extends Partial<PgStoreOptions> {
  /** One that is there, empty before and after. */
  readonly schema?: string
  /** What the store connects to. Default: the server. */
  readonly url?: string
  /** Where the test itself looks at things and holds locks. Default: `DATABASE_URL`. */
  readonly server?: string
}

/** A store in a schema of its own, gone with `dispose`. */
export async function openPg(over: PgHarnessOptions = {}): Promise<PgHarness> {
  const { url, server = databaseUrl(), schema: kept, ...options } = over
  const schema = kept ?? freshSchema()
  const { quoted, lockClass } = openSchema(schema)
  const sql = openSql(1, server)
  const closing: (() => Promise<unknown>)[] = []
  let offset = 0
  const open = (): StorePorts => {
    const ports = openPgStore(url ?? server, schema, {
      leaseMs: 8_000,
      logger: quiet,
      clockOffsetMs: () => offset,
      // Statements are counted.
      lookAgainMs: Infinity,
      ...options,
    })
    closing.push(() => ports.store.close())
    return ports
  }
  const ports = open()
  if (!kept) await ports.admin.migrate()
  const hold = async (text: string): Promise<postgres.Sql> => {
    const holder = openSql(1, server)
    closing.push(() => holder.end({ timeout: 1 }))
    await holder.unsafe(text)
    return holder
  }
  return {
    ports,
    schema,
    sql,
    sibling: () => Promise.resolve(open()),
    advance: (ms) => {
      offset += ms
      return Promise.resolve()
    },
    vanish: async (owner) => {
      const [row] = await sql.unsafe(`select lock_key from ${quoted}.workflow_worker where owner = $1`, [owner])
      const key = Number(row?.['lock_key'])
      const blocker = await hold('select 1')
      // Queued behind the owner's own lock; once granted, the owner cannot have it back.
      const blocked = blocker.unsafe('select pg_advisory_lock($1, $2)::text', [lockClass, key]).execute()
      await until(async () => (await locksOf(sql, lockClass, key)).some(({ granted }) => !granted))
      const holders = (await locksOf(sql, lockClass, key)).filter(({ granted }) => granted)
      for (const { pid } of holders) await sql.unsafe('select pg_terminate_backend($1)', [pid])
      await blocked
    },
    lockRun: async (runId) => {
      const holder = await hold('begin')
      await holder.unsafe(`select 1 from ${quoted}.workflow_runs where run_id = $1 for update`, [runId])
      return async () => {
        await holder.unsafe('rollback')
      }
    },
    dispose: async () => {
      await Promise.all(closing.map((close) => close()))
      await sql.unsafe(kept ? emptied(quoted) : `drop schema if exists ${quoted} cascade`)
      await sql.end()
    },
  }
}

function emptied(quoted: string): string {
  const tables = ['runs', 'step', 'attempt', 'signal', 'worker'].map((table) => `${quoted}.workflow_${table}`)
  return tables.map((table) => `delete from ${table}`).join(';')
}

interface HeldLock {
  readonly pid: number
  readonly granted: boolean
}

async function locksOf(sql: postgres.Sql, lockClass: number, key: number): Promise<HeldLock[]> {
  const rows = await sql.unsafe(
    `select pid, granted from pg_locks where locktype = 'advisory' and classid::bigint = ($1::bigint & 4294967295) and objid::bigint = $2`,
    [lockClass, key],
  )
  return rows.map((row) => ({ pid: row['pid'] as number, granted: row['granted'] as boolean }))
}

/** Poll until it holds; fails after a while. */
export async function until(holds: () => Promise<boolean> | boolean, ms = 10_000): Promise<void> {
  const end = performance.now() + ms
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`still not so after ${ms} ms: ${holds.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

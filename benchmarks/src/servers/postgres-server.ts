import { startFreshPostgres } from '@pikku/tooling/postgres'
import postgres from 'postgres'
import { cpuOfTree, parentOf } from './process-cpu.ts'

/** The server of one run of the benchmarks. Every system has a database of its own on it. */
export interface PostgresServer {
  readonly version: string
  /** The settings that decide, as the server has them. */
  readonly settings: Readonly<Record<string, string>>
  urlOf(database: string): string
  /** Makes an empty database and returns its URL. */
  createDatabase(name: string): Promise<string>
  dropDatabase(name: string): Promise<void>
  /** So that what the one wrote is not written out during the turn of the next. */
  checkpoint(): Promise<void>
  /** Connections to a database, this program's own left out. */
  connectionsTo(database: string): Promise<number>
  /** Bytes of WAL since the server began. */
  walBytes(): Promise<number>
  /** Bytes of a database, its indexes included. */
  sizeOf(database: string): Promise<number>
  /** CPU time of all of the server's processes, in ms; null where the machine does not tell. */
  cpuMs(): number | null
  /** Counts the statements of one database while `during` runs. */
  statementsDuring(database: string, during: () => Promise<void>): Promise<number>
  /** Runs SQL in one database. */
  run(database: string, text: string): Promise<readonly Record<string, unknown>[]>
  stop(): Promise<void>
}

/** Connections for every system at once; the rest is as PostgreSQL comes. */
const settings = { max_connections: '300', shared_preload_libraries: 'pg_stat_statements' }

const shown = ['fsync', 'synchronous_commit', 'shared_buffers', 'max_wal_size', 'max_connections']

export async function startPostgresServer(): Promise<PostgresServer> {
  const server = await startFreshPostgres({ settings })
  const admin = postgres(server.url, { max: 1, onnotice: () => undefined })
  await admin`create extension if not exists pg_stat_statements`
  await countWhat(admin, 'none')
  const [backend] = await admin<{ pid: number; version: string }[]>`
    select pg_backend_pid() as pid, current_setting('server_version') as version`
  const postmaster = backend && parentOf(backend.pid)
  const found = await admin<{ name: string; setting: string }[]>`
    select name, current_setting(name) as setting from pg_settings where name = any(${shown})`
  const urlOf = (database: string) => server.url.replace(/\/[^/]*$/, `/${database}`)
  const run = async (database: string, text: string) => {
    const sql = postgres(urlOf(database), { max: 1, onnotice: () => undefined })
    try {
      return await sql.unsafe(text)
    } finally {
      await sql.end()
    }
  }
  return {
    version: backend?.version ?? 'unknown',
    settings: Object.fromEntries(found.map(({ name, setting }) => [name, setting])),
    urlOf,
    createDatabase: async (name) => {
      await admin`create database ${admin(name)}`
      return urlOf(name)
    },
    dropDatabase: async (name) => {
      await admin`drop database if exists ${admin(name)} with (force)`
    },
    checkpoint: async () => {
      await admin`checkpoint`
    },
    connectionsTo: async (database) =>
      Number((await admin`select count(*) as n from pg_stat_activity where datname = ${database}`)[0]?.['n']),
    walBytes: async () =>
      Number((await admin`select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as bytes`)[0]?.['bytes']),
    sizeOf: async (database) => Number((await admin`select pg_database_size(${database}) as bytes`)[0]?.['bytes']),
    cpuMs: () => (postmaster ? cpuOfTree(postmaster) : null),
    statementsDuring: async (database, during) => countStatements(admin, database, during),
    run,
    stop: async () => {
      await admin.end()
      await server.dispose()
    },
  }
}

/** Statements are counted only when asked for. */
async function countWhat(admin: postgres.Sql, what: 'top' | 'none'): Promise<void> {
  // Not among the settings at the start: those could not be changed.
  await admin.unsafe(`alter system set pg_stat_statements.track = '${what}'`)
  await admin`select pg_reload_conf()`
}

async function countStatements(admin: postgres.Sql, database: string, during: () => Promise<void>): Promise<number> {
  await countWhat(admin, 'top')
  await admin`select pg_stat_statements_reset()`
  try {
    await during()
    const [found] = await admin<{ calls: string | null }[]>`
      select sum(calls) as calls from pg_stat_statements
      where dbid = (select oid from pg_database where datname = ${database})`
    return Number(found?.calls ?? 0)
  } finally {
    await countWhat(admin, 'none')
  }
}

import { startFreshPostgres } from '@pikku/tooling/postgres'
import { startFreshRedis } from '@pikku/tooling/redis'
import { Redis } from 'ioredis'
import postgres from 'postgres'
import type { AppProcess, Servers } from './processes.ts'

/** One of the two options of the document: the server it asks for, and what an app leaves on it. */
export interface DocumentStore {
  readonly servers: Servers
  /** A fresh database of the name the document uses. */
  clear(): Promise<void>
  /** What there is by now: tables or kinds of keys of the state, and queues. */
  contents(): Promise<{ state: string[]; queues: string[] }>
  /** Ends processes that have closed their services. Answers how many connections these left open. */
  end(apps: readonly AppProcess[]): Promise<number>
  dispose(): Promise<void>
}

/** Servers of their own: the document's database is called `myapp`, and nobody's `myapp` is to be touched. */
export async function startPostgres(): Promise<DocumentStore> {
  const server = await startFreshPostgres()
  const url = new URL(server.url)
  url.pathname = '/myapp'
  const ask = (statement: string) => query(url.href, statement)
  const clients = async () => {
    const found = await ask(
      `select pid from pg_stat_activity
       where datname = 'myapp' and backend_type = 'client backend' and pid <> pg_backend_pid()`,
    )
    return found.length
  }
  return {
    servers: { 'localhost:5432': server.url },
    clear: async () => {
      await query(server.url, 'drop database if exists myapp with (force)')
      await query(server.url, 'create database myapp')
    },
    contents: async () => ({
      state: await ask(`select tablename from pg_tables where schemaname = 'workflows' order by 1`),
      queues: (await ask(`select tablename from pg_tables where schemaname = 'pgboss' and tablename = 'queue'`)).length
        ? await ask(`select name from pgboss.queue where name like 'pikku-%' order by 1`)
        : [],
    }),
    // A `sql` that was used for nothing has opened nothing: the processes end by themselves.
    end: async (apps) => {
      const codes = await Promise.all(apps.map((app) => app.ended()))
      if (codes.some((code) => code !== 0)) throw new Error(`ended with ${codes.join(', ')}`)
      return clients()
    },
    dispose: () => server.dispose(),
  }
}

async function query(url: string, statement: string): Promise<string[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    const rows = await sql.unsafe(statement)
    return rows.map((row) => String(Object.values(row)[0]))
  } finally {
    await sql.end()
  }
}

export async function startRedis(): Promise<DocumentStore> {
  // The document's URL names no password.
  const server = await startFreshRedis({ settings: { user: 'default on nopass ~* &* +@all' } })
  const redis = new Redis(server.url)
  const clients = async () => {
    const list = await redis.client('LIST')
    return String(list).trim().split('\n').length - 1
  }
  return {
    servers: { 'localhost:6379': server.url },
    clear: async () => void (await redis.flushall()),
    contents: async () => {
      const keys = await redis.keys('*')
      const state = keys.flatMap((key) => /^workflows:\{0\}:(run|step):/.exec(key)?.[1] ?? [])
      const queues = keys.flatMap((key) => /^bull:\{(pikku-[^}]+)\}:meta$/.exec(key)?.[1] ?? [])
      return { state: [...new Set(state)].sort(), queues: queues.sort() }
    },
    // The document's `redis` is the app's, connected from the beginning, and nobody who could close it has it: each
    // process keeps that one connection, and lives on.
    end: async (apps) => {
      const left = await untilAtMost(apps.length, clients)
      await Promise.all(apps.map((app) => app.kill()))
      return left - apps.length
    },
    dispose: async () => {
      redis.disconnect()
      await server.dispose()
    },
  }
}

/** The server hears of a closed connection somewhat later. */
async function untilAtMost(limit: number, count: () => Promise<number>): Promise<number> {
  const deadline = Date.now() + 5_000
  for (;;) {
    const found = await count()
    if (found <= limit || Date.now() > deadline) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

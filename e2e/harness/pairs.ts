import { startFreshPostgres, type PostgresServer } from '@pikku/tooling/postgres'
import { startFreshRedis, type RedisServer } from '@pikku/tooling/redis'
import postgres from 'postgres'
import type { Servers } from '../app/src/services.js'

type Kind = 'PostgreSQL' | 'Redis'

/** Where runs are kept, and what tells workers about them. */
export interface Pair {
  readonly name: string
  readonly store: Kind
  readonly queue: Kind
}

/** State and queue on one server, as in the documentation's two options. */
export const purePairs: readonly Pair[] = [
  { name: 'PostgreSQL and pg-boss', store: 'PostgreSQL', queue: 'PostgreSQL' },
  { name: 'Redis and BullMQ', store: 'Redis', queue: 'Redis' },
]

export const mixedPairs: readonly Pair[] = [
  { name: 'PostgreSQL and BullMQ', store: 'PostgreSQL', queue: 'Redis' },
  { name: 'Redis and pg-boss', store: 'Redis', queue: 'PostgreSQL' },
]

/** Servers for a test, empty. */
export interface OpenPair {
  readonly servers: Servers
  close(): Promise<void>
}

/** A database of its own on the PostgreSQL server of all tests; a Redis server of its own. */
export async function openPair({ store, queue }: Pair): Promise<OpenPair> {
  const kinds = [...new Set([store, queue])]
  const opened = new Map(await Promise.all(kinds.map(async (kind) => [kind, await empty[kind]()] as const)))
  const url = (kind: Kind) => opened.get(kind)?.url ?? ''
  return {
    servers: { STORE_URL: url(store), QUEUE_URL: url(queue) },
    close: async () => {
      await Promise.all([...opened.values()].map((each) => each.drop()))
    },
  }
}

/** The same servers as an app that takes one URL is told of them; the other URL, which this process may have, is empty. */
export async function openForTemplate(pair: Pair): Promise<{ env: NodeJS.ProcessEnv; close(): Promise<void> }> {
  const { servers, close } = await openPair(pair)
  const [DATABASE_URL, REDIS_URL] = pair.store === 'Redis' ? ['', servers.STORE_URL] : [servers.STORE_URL, '']
  return { env: { DATABASE_URL, REDIS_URL }, close }
}

/** A private server for both the state and the queue, that can be killed. */
export async function startServer({ store }: Pair): Promise<PostgresServer | RedisServer> {
  if (store === 'PostgreSQL') return startFreshPostgres({ settings: { max_connections: '200' } })
  // As durable as PostgreSQL: with `everysec` an answer may go out before its command is with the kernel.
  return startFreshRedis({ settings: { appendfsync: 'always' } })
}

const empty: Readonly<Record<Kind, () => Promise<{ url: string; drop(): Promise<void> }>>> = {
  PostgreSQL: createDatabase,
  Redis: async () => {
    const server = await startFreshRedis()
    return { url: server.url, drop: () => server.dispose() }
  },
}

async function createDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const server = process.env['DATABASE_URL']
  if (!server) throw new Error('DATABASE_URL is not set')
  const name = `e2e_${process.pid}_${Date.now().toString(36)}_${Math.random().toString(36).slice(2, 8)}`
  const url = new URL(server)
  url.pathname = `/${name}`
  const run = async (statement: string) => {
    const sql = postgres(server, { max: 1, onnotice: () => {} })
    try {
      await sql.unsafe(statement)
    } finally {
      await sql.end()
    }
  }
  await run(`create database ${name}`)
  return { url: url.href, drop: () => run(`drop database ${name} with (force)`) }
}

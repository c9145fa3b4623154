import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger, RunItem, StepItem } from '@pikku/core/contract'
import postgres from 'postgres'

/** A database of its own on the server that `DATABASE_URL` names. */
export interface TestDatabase {
  readonly url: string
  readonly sql: postgres.Sql
  drop(): Promise<void>
}

export async function createDatabase(server = process.env['DATABASE_URL']): Promise<TestDatabase> {
  if (!server) throw new Error('DATABASE_URL is not set: run the tests from the root of the repository')
  const name = `queue_${randomBytes(6).toString('hex')}`
  const admin = postgres(server, { max: 1, onnotice: () => undefined })
  await admin.unsafe(`create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  const sql = postgres(url.href, { max: 2, onnotice: () => undefined })
  return {
    url: url.href,
    sql,
    drop: async () => {
      await sql.end()
      await admin.unsafe(`drop database ${name} with (force)`)
      await admin.end()
    },
  }
}

/** Waits for a condition; fails with its words when the deadline passes. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, deadlineMs = 15_000): Promise<void> {
  const deadline = Date.now() + deadlineMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await sleep(10)
  }
}

/** Keeps what was reported. */
export class RecordingLogger implements Logger {
  readonly lines: string[] = []
  /** What came with warnings and errors, besides their words. */
  readonly details: unknown[] = []

  debug(message: string): void {
    this.lines.push(`debug ${message}`)
  }

  info(message: string): void {
    this.lines.push(`info ${message}`)
  }

  warn(message: string, details?: unknown): void {
    this.lines.push(`warn ${message}`)
    if (details !== undefined) this.details.push(details)
  }

  error(message: string, details?: unknown): void {
    this.lines.push(`error ${message}`)
    if (details !== undefined) this.details.push(details)
  }
}

/** Stands between a client and its server until it lets nothing through any more on the connections there are. */
export async function openFreezer(
  target: string,
): Promise<{ url: string; clients(): number; freeze(): void; close(): void }> {
  const url = new URL(target)
  const port = Number(url.port || 5432)
  const host = url.hostname
  const sockets = new Set<net.Socket>()
  const clients = new Set<net.Socket>()
  const server = net.createServer((client) => {
    clients.add(client.on('close', () => clients.delete(client)))
    const upstream = net.connect(port, host)
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one.on('error', () => undefined).on('close', () => other.destroy()))
      one.pipe(other)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as net.AddressInfo).port)
  return {
    url: url.href,
    clients: () => clients.size,
    freeze: () => {
      // What they say is read, for else nobody would learn that they have hung up.
      for (const socket of sockets) socket.unpipe().resume()
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

export function runItem(runId: string): RunItem {
  return { kind: 'run', runId, workflow: 'order' }
}

export function stepItem(runId: string, key: Partial<StepItem> = {}): StepItem {
  const step = { name: 'charge', ordinal: 0 }
  return { kind: 'step', runId, step, rpcName: 'chargeCard', attempt: 1, dispatch: 0, ...key }
}

/** Cut every connection of the database but the asking one, as a failover would. */
export async function cutConnections(sql: postgres.Sql): Promise<void> {
  await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and application_name like 'pgboss%'`
}

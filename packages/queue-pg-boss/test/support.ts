import { randomBytes } from 'node:crypto'
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

  debug(message: string): void {
    this.lines.push(`debug ${message}`)
  }

  info(message: string): void {
    this.lines.push(`info ${message}`)
  }

  warn(message: string): void {
    this.lines.push(`warn ${message}`)
  }

  error(message: string): void {
    this.lines.push(`error ${message}`)
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

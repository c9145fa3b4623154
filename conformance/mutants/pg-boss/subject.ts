import { randomUUID } from 'node:crypto'
import { defineQueueServiceTests } from '@pikku/core/testing'
import type { OpenQueues } from '@pikku/core/testing'
import postgres from 'postgres'
import type { Subject } from '../mutant.ts'
import { mutants } from './mutants.ts'

interface Harness {
  openBosses(url: string): OpenQueues
}

export const pgBoss: Subject = {
  name: 'pg-boss queue',
  source: 'packages/queue-pg-boss/src',
  copied: ['packages/queue-pg-boss'],
  mutants,
  slow: true,
  patienceMs: 20_000,
  define: async (copy, runner) => {
    const { openBosses } = await copy.load<Harness>('packages/queue-pg-boss/test/open-bosses.ts')
    defineQueueServiceTests({ name: 'mutant', runner, open: async () => openBosses(await database()) })
  },
  end: async () => {
    if (made) await onServer(`drop database if exists ${new URL(await made).pathname.slice(1)} with (force)`)
  },
}

/** One for all: every case has names of its own. */
let made: Promise<string> | undefined

function database(): Promise<string> {
  made ??= createDatabase()
  return made
}

async function createDatabase(): Promise<string> {
  const url = new URL(server())
  url.pathname = `/mutants_${randomUUID().slice(0, 8)}`
  await onServer(`create database ${url.pathname.slice(1)}`)
  return url.href
}

async function onServer(script: string): Promise<void> {
  const sql = postgres(server(), { max: 1, onnotice: () => undefined })
  await sql.unsafe(script)
  await sql.end()
}

function server(): string {
  return process.env['DATABASE_URL'] ?? ''
}

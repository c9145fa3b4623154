import { StoreUnavailableError, WorkflowError } from '@pikku/core/contract'
import type { ConstructorOptions, PgBoss } from 'pg-boss'
import type { BossSource } from './boss-source.ts'

// By shape: the application may have loaded another copy of pg-boss.
export function isBoss(source: BossSource): source is PgBoss {
  return typeof source === 'object' && 'getDb' in source && typeof source.getDb === 'function'
}

/** What `new PgBoss` is given; pg-boss checks it. */
export function optionsOf(source: BossSource): ConstructorOptions {
  return typeof source === 'string' ? { connectionString: source } : (source as ConstructorOptions)
}

/** @throws WorkflowError `CONFIGURATION`, without the password */
export function checkSource(source: unknown): void {
  const isUrl = typeof source === 'string' && /^postgres(ql)?:\/\//i.test(source) && targetOf(source) !== null
  if (isUrl || (typeof source === 'object' && source !== null)) return
  throw new WorkflowError(
    'CONFIGURATION',
    `${typeof source === 'string' ? `'${withoutPassword(source)}'` : String(source)} is no connection to PostgreSQL; accepted is a URL like 'postgresql://user:password@host:5432/database', options of pg-boss, or a PgBoss`,
  )
}

/** `if not exists` of two creators at a time: who comes second is told of one of these, where pg-boss knows its words only. */
const overtaken = new Set(['23505', '42710', '42P06', '42P07'])

/**
 * Starts it. Two processes may find no schema at the same time; pg-boss's lock makes one wait, but does not make it look
 * again, so the second can fail on what the first created. Then it is there, and starting again is what pg-boss allows.
 */
export async function startBoss(boss: PgBoss): Promise<PgBoss> {
  for (let left = 5; ; left--) {
    try {
      return await boss.start()
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      if (left === 0 || !overtaken.has(code)) throw error
    }
  }
}

/** pg-boss could not be started: where, and what was said. */
export function startFailed(source: BossSource, error: unknown): StoreUnavailableError {
  const refused = error instanceof Error && 'code' in error && String(error.code).startsWith('42')
  const needs = refused ? '; it needs PostgreSQL 13 or newer, and a role that may create its schema' : ''
  return new StoreUnavailableError(
    `pg-boss cannot start on PostgreSQL at ${placeOf(source)}: ${wordsOf(error)}${needs}`,
    {
      cause: error,
    },
  )
}

function placeOf(source: BossSource): string {
  if (isBoss(source)) return 'the connection of the given PgBoss'
  const { connectionString, host = 'localhost', port = 5432, database = '' } = optionsOf(source)
  return (connectionString && targetOf(connectionString)) ?? `${host}:${port}/${database}`
}

/** `host:port/database`; null for what is no URL. */
function targetOf(url: string): string | null {
  if (!URL.canParse(url)) return null
  const { hostname, port, pathname } = new URL(url)
  return `${hostname}:${port || 5432}${pathname}`
}

function withoutPassword(text: string): string {
  return text.replace(/^(.*?:\/\/)?.*@/s, '$1…@')
}

/** What an error says. One that stands for the failures of several addresses says nothing itself. */
function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(wordsOf).join(', ')
  return error instanceof Error ? error.message : String(error)
}

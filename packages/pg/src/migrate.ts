import { WorkflowError } from '@pikku/core/contract'
import type { Pool } from './driver.ts'
import { migrations } from './migrations.gen.ts'
import type { Migration } from './migrations.gen.ts'
import { codeOf } from './retryable.ts'
import { openSchema } from './schema.ts'
import type { Schema } from './schema.ts'

/** The newest migration this code knows: what a schema may ask for at most. */
const clientVersion = Math.max(...migrations.map(({ version }) => version))

/** Two processes created the same thing at the same moment, and the other one was first. */
const overtaken = new Set(['23505', '42P06', '42P07', '42710', '40P01', '40001'])
const maxOvertaken = 200

/**
 * The SQL that brings an empty database to this version, for a role with more rights than the workers have: run it
 * there, then open the service with `migrate: false`.
 *
 * @example
 * console.log(migrationPlan('workflows'))
 */
export function migrationPlan(schema: string): string {
  const opened = openSchema(schema)
  return planOf(opened, migrations)
}

function planOf(schema: Schema, missing: readonly Migration[]): string {
  const steps = missing.map((migration) => scriptOf(schema, migration))
  return ['begin;', bootstrap(schema), ...steps, 'commit;'].join('\n\n')
}

/** Bring the schema up to date. No lock is held: a migration's row, inserted first, makes the others wait for it. */
export async function migrate(pool: Pool, schema: Schema): Promise<void> {
  for (let tries = 0; tries < maxOvertaken; tries += 1) {
    const { hasSchema, isTaken, applied } = await findApplied(pool, schema)
    if (isTaken) throw taken(schema)
    const missing = missingOf(schema, applied)
    const next = missing[0]
    if (!next) return
    try {
      // One simple query of several statements is one transaction.
      if (missing.length === migrations.length) await pool.script(bootstrap(schema, hasSchema))
      await pool.script(scriptOf(schema, next))
    } catch (error) {
      if (codeOf(error) === '42501') throw mayNot(schema, error)
      if (!overtaken.has(codeOf(error))) throw error
      await new Promise((resolve) => void setTimeout(resolve, 5 + Math.random() * 20))
    }
  }
  throw new WorkflowError(
    'CONFIGURATION',
    `schema ${schema.quoted}: other processes kept changing it while it was being migrated`,
  )
}

function mayNot(schema: Schema, cause: unknown): WorkflowError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new WorkflowError(
    'CONFIGURATION',
    `schema ${schema.quoted} cannot be created or upgraded by this role (${why}); run what migrationPlan('${schema.name}') of @pikku/pg returns as a role that may, and give the service 'migrate: false'`,
    { cause },
  )
}

function taken(schema: Schema): WorkflowError {
  return new WorkflowError(
    'CONFIGURATION',
    `schema ${schema.quoted} holds a table workflow_runs or workflow_step that is not of @pikku/pg; give the service a schema of its own`,
  )
}

/** For services that may not migrate: throws with what is missing. */
export async function checkMigrated(pool: Pool, schema: Schema): Promise<void> {
  const { isTaken, applied } = await findApplied(pool, schema)
  if (isTaken) throw taken(schema)
  const missing = missingOf(schema, applied)
  if (missing.length === 0) return
  const names = missing.map(({ version, name }) => `${version} (${name})`).join(', ')
  throw new WorkflowError(
    'CONFIGURATION',
    `schema ${schema.quoted} lacks migration ${names}, and 'migrate: false' was given; run this as a role that may create it:\n\n${planOf(schema, missing)}\n`,
  )
}

/** @throws WorkflowError `SCHEMA_TOO_NEW` */
export async function assertNotNewer(pool: Pool, schema: Schema): Promise<void> {
  missingOf(schema, (await findApplied(pool, schema)).applied)
}

interface AppliedMigration {
  readonly version: number
  readonly minClient: number
}

interface Found {
  readonly hasSchema: boolean
  /** Somebody else's tables are where ours would be. */
  readonly isTaken: boolean
  readonly applied: readonly AppliedMigration[]
}

async function findApplied(pool: Pool, schema: Schema): Promise<Found> {
  const table = `${schema.quoted}.workflow_migration`
  // The tables first: whoever makes them has made the table of migrations before.
  const text = `select coalesce(to_regclass($3::text), to_regclass($4::text)) is not null as tables,
    to_regnamespace($1::text) is not null as schema, to_regclass($2::text) is not null as found`
  try {
    const tables = [`${schema.quoted}.workflow_runs`, `${schema.quoted}.workflow_step`]
    const [there] = await pool.query({ name: 'migrate', text }, [schema.quoted, table, ...tables])
    const hasSchema = there?.['schema'] === true
    if (there?.['found'] !== true) return { hasSchema, isTaken: there?.['tables'] === true, applied: [] }
    const rows = await pool.query({ name: 'migrate', text: `select version, min_client from ${table}` }, [])
    const applied = rows.map((row) => ({ version: Number(row['version']), minClient: Number(row['min_client']) }))
    return { hasSchema, isTaken: false, applied }
  } catch (error) {
    throw codeOf(error) === '42501' ? mayNot(schema, error) : error
  }
}

function missingOf(schema: Schema, applied: readonly AppliedMigration[]): readonly Migration[] {
  const needed = Math.max(0, ...applied.map(({ minClient }) => minClient))
  if (needed > clientVersion) {
    throw new WorkflowError(
      'SCHEMA_TOO_NEW',
      `schema ${schema.quoted} was migrated by a newer @pikku/pg and asks for schema version ${needed}; this one knows up to ${clientVersion}: update it`,
    )
  }
  const versions = new Set(applied.map(({ version }) => version))
  return migrations.filter(({ version }) => !versions.has(version))
}

/** Who owns the schema need not be allowed to create one: 'if not exists' asks for that right all the same. */
function bootstrap(schema: Schema, hasSchema = false): string {
  const first = hasSchema ? '' : `create schema if not exists ${schema.quoted};\n`
  return `${first}create table if not exists ${schema.quoted}.workflow_migration (
  version integer not null,
  name text not null,
  min_client integer not null,
  applied_at timestamptz not null default clock_timestamp(),
  constraint workflow_migration_pkey primary key (version)
);`
}

function scriptOf(schema: Schema, { version, name, minClient, text }: Migration): string {
  const row = `insert into ${schema.quoted}.workflow_migration (version, name, min_client) values (${version}, '${name}', ${minClient});`
  return `${row}\n${text.replaceAll('{{schema}}', schema.quoted)}`
}

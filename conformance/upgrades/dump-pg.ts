import postgres from 'postgres'
import { serverUrl } from './stores.ts'

/** In a dump it stands for the schema's name, quotes and all. */
const placeholder = '{{schema}}'

export function openSql(): postgres.Sql {
  return postgres(serverUrl('DATABASE_URL'), { max: 1, onnotice: () => {} })
}

/** What is in the schema as SQL: `ddl` as the code that made it says, then every row. */
export async function dumpSchema(sql: postgres.Sql, schema: string, ddl: string): Promise<string> {
  await sql`set timezone to 'UTC'`
  const parts = [ddl.replaceAll(`"${schema}"`, placeholder)]
  for (const table of await tablesOf(sql, schema)) {
    const columns = await sql<{ name: string }[]>`
      select column_name as name from information_schema.columns
      where table_schema = ${schema} and table_name = ${table} and is_generated = 'NEVER' order by ordinal_position`
    const names = columns.map(({ name }) => `"${name}"`)
    const literals = names.map((name) => `coalesce(quote_literal(${name}::text), 'null')`).join(` || ', ' || `)
    const rows = await sql.unsafe<{ row: string }[]>(`select ${literals} as row from "${schema}".${table} order by 1`)
    const into = `insert into ${placeholder}.${table} (${names.join(', ')}) overriding system value values`
    if (rows.length > 0) parts.push(`${into}\n${rows.map(({ row }) => `  (${row})`).join(',\n')};`)
  }
  return `${parts.join('\n\n')}\n`
}

async function tablesOf(sql: postgres.Sql, schema: string): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select table_name as name from information_schema.tables
    where table_schema = ${schema} and table_name <> 'workflow_migration' order by 1`
  return rows.map(({ name }) => name)
}

/** Make a schema of a dump. */
export async function restoreSchema(sql: postgres.Sql, schema: string, dump: string): Promise<void> {
  await sql.unsafe(dump.replaceAll(placeholder, `"${schema}"`)).simple()
  // The next worker is not to be given the key of one that is in the dump.
  await sql.unsafe(`select setval(pg_get_serial_sequence('"${schema}".workflow_worker', 'lock_key'),
    greatest((select max(lock_key) from "${schema}".workflow_worker), 1))`)
}

/** What there is in a schema besides rows, in words that do not name it. */
export async function catalogueOf(sql: postgres.Sql, schema: string): Promise<string[]> {
  const rows = await sql<{ what: string }[]>`
    select concat_ws(' ', 'column', table_name, column_name, data_type, collation_name, is_nullable, column_default,
      is_generated, generation_expression, identity_generation) as what
    from information_schema.columns where table_schema = ${schema}
    union all select concat('index ', indexdef) from pg_indexes where schemaname = ${schema}
    union all select concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid))
      from pg_constraint where connamespace = to_regnamespace(quote_ident(${schema}))
    union all select concat_ws(' ', relkind, relname, reloptions::text)
      from pg_class where relnamespace = to_regnamespace(quote_ident(${schema}))
    union all select concat_ws(' ', 'function', proname, pg_get_functiondef(oid))
      from pg_proc where pronamespace = to_regnamespace(quote_ident(${schema}))
    union all select concat_ws(' ', 'trigger', tgrelid::regclass, tgname, pg_get_triggerdef(oid)) from pg_trigger
      where not tgisinternal and tgrelid in (select oid from pg_class where relnamespace = to_regnamespace(quote_ident(${schema})))
    union all select concat_ws(' ', 'migration', version, name, min_client)
      from ${sql(schema)}.workflow_migration order by 1`
  return rows.map(({ what }) => what.replaceAll(schema, 'SCHEMA'))
}

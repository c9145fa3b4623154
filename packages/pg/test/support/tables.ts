import type { PgHarness } from '../pg-harness.ts'

const tables = ['workflow_runs', 'workflow_step', 'workflow_attempt', 'workflow_signal'] as const

/** Everything that is kept of the runs whose ids begin so. Instants are told as 'a time', epochs and counters as they are. */
export async function rowsOf(
  { sql, schema }: Pick<PgHarness, 'sql' | 'schema'>,
  beginning: string,
): Promise<Record<string, unknown[]>> {
  const found: Record<string, unknown[]> = {}
  for (const table of tables) {
    const rows = await sql.unsafe(
      `select to_jsonb(t) as row from "${schema}".${table} as t where starts_with(run_id, $1) order by t::text`,
      [beginning],
    )
    found[table] = rows.map(({ row }) => withoutTime(row)).toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  }
  return found
}

function keyOf(row: unknown): string {
  const { run_id, name, ordinal, attempt } = row as Record<string, unknown>
  return JSON.stringify([run_id, name, ordinal, attempt])
}

/** Instants and time left differ between two readings of a clock that runs. */
export function withoutTime(value: unknown): unknown {
  if (value === undefined) return 'nothing'
  return JSON.parse(JSON.stringify(value), (key, inner: unknown) =>
    inner !== null && /(InMs|At|_at|_until)$/.test(key) ? 'a time' : inner,
  )
}

/** Work items may be doubled at will. */
export function withoutDoubles(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, inner: unknown) =>
    key === 'wake' && Array.isArray(inner) ? inner.filter((item, at) => indexOf(inner, item) === at) : inner,
  )
}

function indexOf(items: readonly unknown[], item: unknown): number {
  return items.findIndex((other) => JSON.stringify(other) === JSON.stringify(item))
}

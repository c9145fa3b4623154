const table = /create table (\S+\.workflow_(?:runs|step)) (\([\s\S]*?\n\)) with (\([^)]*\));/g

export interface Partitions {
  /** Such as `hash (run_id)`. */
  readonly by: string
  /** By what their names end in, which rows each holds: `for values …` or `default`. */
  readonly parts: Readonly<Record<string, string>>
}

/** The SQL that makes the schema, with `workflow_runs` and `workflow_step` in partitions: no option of ours, but the schema allows it. */
export function partitioned(plan: string, { by, parts }: Partitions): string {
  let found = 0
  const text = plan.replaceAll(table, (...match: string[]) => {
    const [, name = '', columns = '', settings = ''] = match
    found += 1
    const each = Object.entries(parts).map(
      ([end, rows]) => `create table ${name}_${end} partition of ${name} ${rows} with ${settings};`,
    )
    return [`create table ${name} ${columns} partition by ${by};`, ...each].join('\n')
  })
  if (found !== 2) throw new Error(`the plan makes ${found} of the two tables in a way that is not known here`)
  return text
}

/** So many, by the hash of the run's id. */
export function byHash(count: number): Partitions {
  const part = (i: number) => [`${i}`, `for values with (modulus ${count}, remainder ${i})`] as const
  return { by: 'hash (run_id)', parts: Object.fromEntries(Array.from({ length: count }, (_, i) => part(i))) }
}

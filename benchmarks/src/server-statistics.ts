/** What each of our statements is known by, wherever it stands in the text; the first that fits counts. */
const operations: readonly (readonly [string, RegExp])[] = [
  ['sweep', /\brung_before\b/],
  ['renewLeases', /\brenewed_runs\b/],
  ['recordSteps', /\brecords as materialized\b/],
  ['commitRun', /\bplans as materialized\b/],
  ['settleStep', /\boutcomes as materialized\b/],
  ['claimStep', /\bknown\(names, nth\)/],
  ['claimRun', /\bknown\(codes, nth\)/],
  ['createRun', /\bcreated as \(\s*insert\b/],
  ['runs and steps read', /\bworkflow_(runs|step|worker|signal|migration)/],
  ['pg-boss: messages put in', /insert into \S*pgboss/i],
  ['pg-boss: messages taken', /\bskip locked\b/i],
  ['pg-boss: messages removed', /delete from \S*pgboss/i],
  ['pg-boss: its foreign key', /for key share/i],
  ['pg-boss: the rest', /pgboss|set local enable_sort/],
  ['notify', /pg_notify|^\s*notify\b/i],
]

/** The operation that a statement of ours or of the queue belongs to. */
export function operationOf(text: string): string {
  return operations.find(([, pattern]) => pattern.test(text))?.[0] ?? 'the rest'
}

export interface CommandStat {
  readonly name: string
  readonly calls: number
  readonly us: number
}

/** `INFO commandstats`, what took longest first. What a script calls is in the time of its EVALSHA, too. */
export function commandStats(info: string): readonly CommandStat[] {
  return [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+),usec=(\d+)/gm)]
    .map(([, name = '', calls, us]) => ({ name, calls: Number(calls), us: Number(us) }))
    .toSorted((a, b) => b.us - a.us)
}

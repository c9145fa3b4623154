import type { Schema } from '../schema.ts'

/*
 * Written above every statement that writes (architecture 3.3, amendments 11 and 12):
 *
 * 1. One materialized CTE, `locked`, locks every run the statement touches, in run-id order, `for no key update`. There
 *    is no other order in which runs are locked; step rows are written only under their run's lock (a renewal and a sweep
 *    lock single rows and never wait).
 * 2. The clock is read after it.
 * 3. Numbers that describe what was read (`snap`) come from the same snapshot as what was read; the guard comes from
 *    `locked`. When the two differ in revision, somebody wrote between them: the caller reads again before it answers.
 *
 * Two habits besides, for plans that are made once and kept: few rows are expected of what was handed in (`expectFew`), and
 * a look-up of a single row ends with `offset 0`, which keeps the planner from reading the table whole instead, as it would
 * while that is tiny.
 */

/**
 * Always true, and the planner believes that it seldom is. It expects a hundred rows of any JSON text; a plan for so many
 * reads a tiny table whole instead of looking its rows up, and is kept while the table grows.
 */
export function expectFew(column: string): string {
  return `${column} = ${column} + 0`
}

/** Instants as the contract has them: whole milliseconds since the epoch. */
export function millis(expression: string): string {
  return `floor(date_part('epoch', ${expression}) * 1000)`
}

/** An interval of so many milliseconds; the expression is a number of any width. */
export function interval(expression: string): string {
  return `((${expression})::float8 * interval '1 millisecond')`
}

/**
 * `clock.at`: the store's clock plus the test offset, read when `after` (a CTE that locks) is complete.
 */
export function clockAfter(after: string, offsetParameter: string): string {
  return `clock as materialized (
    select clock_timestamp() + ${interval(`${offsetParameter}::float8`)} as at
    from (select count(*) from ${after}) as held
  )`
}

/** The statement that may wait says for how long, inside its own transaction; the other skips what is locked. */
export function waiting(patient: boolean, timeoutParameter: string): { cte: string; from: string; skip: string } {
  if (!patient) return { cte: '', from: '', skip: 'skip locked' }
  return {
    cte: `patience as materialized (
    select set_config('lock_timeout', ${timeoutParameter}::text, true) as set
  ),`,
    from: `patience cross join`,
    skip: '',
  }
}

/** A run as `toRun` in rows.ts reads it. */
export function runJson(run: string): string {
  return `json_build_array(
      ${run}.run_id, ${run}.workflow, ${run}.status, ${run}.input, ${run}.input_digest, ${run}.output, ${run}.error,
      ${run}.reason, to_json(${run}.tags), ${run}.parent_run_id, ${run}.parent_step, ${run}.parent_ordinal,
      ${run}.parent_on_end, ${run}.crashes, ${millis(`${run}.created_at`)}, ${millis(`${run}.updated_at`)},
      ${millis(`${run}.ended_at`)}
    )`
}

/** Bytes of the texts of a run that may be long. Nothing is read for it. */
export function runBytes(run: string): string {
  const bytes = (column: string): string => `coalesce(octet_length(${run}.${column}), 0)`
  return `(${bytes('input')} + ${bytes('output')} + ${bytes('error')})`
}

/** A changed step as `toChange` in rows.ts reads it; `at` is the moment of reading. */
export function stepJson(step: string, at: string): string {
  return `json_build_array(
      'step', ${step}.revision, ${step}.name, ${step}.ordinal, ${step}.kind, ${step}.status, ${step}.rpc_name,
      ${step}.input_digest, ${step}.output, case when ${step}.status <> 'running' then ${step}.error end, ${step}.reason,
      ${step}.attempt, ${step}.lost, ${step}.asked_after, ${step}.settled_seq, ${millis(`${step}.settled_at`)},
      case when ${step}.status = 'scheduled' then ceil(date_part('epoch', ${step}.due_at - ${at}) * 1000) end
    )`
}

const changedRows = 500

export interface ChangesOf {
  readonly run: string
  readonly after: string
  /** Stop before this many bytes of text. */
  readonly bytes: string
  readonly at: string
  /** A reader that holds no lock takes at least one row, whatever its size. */
  readonly atLeastOne: boolean
  /** Stands innermost, so that nothing is looked for where it does not hold. */
  readonly when: string
}

/**
 * What changed in a run after a revision, oldest first, cut before it grows too large:
 * one row (changes json, upto, more). Sizes are summed before any text is read.
 */
export function changesOf(schema: Schema, { run, after, bytes, at, atLeastOne, when }: ChangesOf): string {
  const sized = atLeastOne ? `(total.bytes <= ${bytes} or total.nth = 1)` : `total.bytes <= ${bytes}`
  const fits = `${sized} and total.nth <= ${changedRows}`
  const change = `case when total.signal_id is null then ${stepJson('total', at)}
        else json_build_array('signal', total.revision, total.signal_id, total.name, total.output) end`
  return `
    select json_agg(${change} order by total.revision) filter (where ${fits}) as changes,
           max(total.revision) filter (where ${fits}) as upto,
           coalesce(bool_or(not (${fits})), false) as more
    from (
      select changed.*, row_number() over (order by changed.revision) as nth,
             sum(200 + coalesce(octet_length(changed.output), 0) + coalesce(octet_length(changed.error), 0)
                 + coalesce(octet_length(changed.reason), 0) + octet_length(changed.name))
               over (order by changed.revision) as bytes
      from (
        (select s.revision, null::text as signal_id, s.name, s.ordinal, s.kind, s.status, s.rpc_name, s.input_digest,
                s.output, s.error, s.reason, s.attempt, s.lost, s.asked_after, s.settled_seq, s.settled_at, s.due_at
         from ${schema.quoted}.workflow_step as s
         where ${when} and s.run_id = ${run} and s.revision > ${after} and s.revision > 0
         order by s.revision
         limit ${changedRows + 1})
        union all
        (select g.revision, g.signal_id, g.name, null, null, null, null, null, g.payload, null, null, null, null, null,
                null, null, null
         from ${schema.quoted}.workflow_signal as g
         where ${when} and g.run_id = ${run} and g.revision > ${after} and not g.consumed
         order by g.revision
         limit ${changedRows + 1})
        order by revision
        limit ${changedRows + 1}
      ) as changed
    ) as total`
}

const orphanRows = 500

/**
 * Children that are not to outlive a run that ends: one row (items json, rings). A parent's write never locks its
 * children; a page of them is handed on as work items, and the parent's row stays in the sweep until none is left.
 * `rings`: its window starts now. It is swept at once when there are more, or when somebody holds a child: no doorbell
 * reaches that.
 */
export function orphansOf(schema: Schema, { run, at, when }: { run: string; at: string; when: string }): string {
  return `
      select json_agg(json_build_array(c.run_id, c.workflow, coalesce(c.lease_until > ${at}, false))) as items,
             count(c.lease_until) = 0 and count(*) < ${orphanRows} as rings
      from (
        select c.run_id, c.workflow, c.lease_until
        from ${schema.quoted}.workflow_runs as c
        where ${when} and c.parent_run_id = ${run} and c.ended_at is null and c.parent_on_end = 'cancel'
        limit ${orphanRows}
      ) as c`
}

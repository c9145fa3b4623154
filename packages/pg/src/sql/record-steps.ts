import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { clockAfter, expectFew, interval, millis } from './fragments.ts'

/**
 * The turns that are nearly all turns: inline steps that settled, a lease that is kept, and nothing that the holder has not
 * been told. Whatever is otherwise with a turn (news, a timer that is due, a lease that is lost, a row that is locked, a
 * turn applied before) leaves its run untouched and out of the answer: commit-run.ts decides about it.
 *
 * $1 calls json: [{ i, runId, claimId, epoch, turn, after, plans: how many of $2 are its own }]
 * $2 records json: [{ i, k: place in the turn from 1, name, ordinal, askedAfter, status, output, error, attempt, durationMs }]
 * $3 clock offset in ms
 *
 * One row per call that was applied: i, first (the revision before its first record's), revision, wake_seq, at; and complete:
 * every record of the statement was written.
 */
export function recordSteps(schema: Schema): Statement {
  const runs = `${schema.quoted}.workflow_runs`
  const steps = `${schema.quoted}.workflow_step`
  return {
    name: 'commitRun',
    text: `
  with calls as materialized (
    select *
    from json_to_recordset($1::text::json) as c(
      i integer, "runId" text collate "C", "claimId" text, epoch bigint, turn bigint, after bigint, plans integer)
    where ${expectFew('c.i')}
  ),
  records as materialized (
    select *
    from json_to_recordset($2::text::json) as p(
      i integer, k integer, name text collate "C", ordinal integer, "askedAfter" bigint, status text, output text, error text,
      attempt integer, "durationMs" float8)
    where ${expectFew('p.i')}
  ),
  locked as materialized (
    select c.i, c.turn, c.plans, r.run_id, r.revision, r.wake_seq, r.owner
    from calls as c
    join ${runs} as r on r.run_id = c."runId"
    where r.turn < c.turn and r.lease_until is not null and r.ended_at is null and r.revision = c.after and r.epoch = c.epoch
      and r.claim_id = c."claimId"
    order by r.run_id
    for no key update of r skip locked
  ),
  ${clockAfter('locked', '$3')},
  turns as materialized (
    select l.*, clock.at
    from locked as l
    cross join clock
    where not exists (
      select from ${steps} as s
      where s.run_id = l.run_id and s.status = 'scheduled' and s.due_at <= clock.at and s.kind = 'sleep'
      offset 0
    )
  ),
  written as (
    insert into ${steps} as s (
      run_id, name, ordinal, kind, status, output, error, attempt, asked_after, asked_revision, settled_seq, settled_at,
      revision, worker, created_at, started_at)
    select t.run_id, p.name, p.ordinal, 'inline', p.status, p.output, p.error, p.attempt, p."askedAfter", t.revision + p.k,
           t.revision + p.k, t.at, t.revision + p.k, t.owner, t.at, t.at - ${interval('p."durationMs"')}
    from turns as t
    join records as p on p.i = t.i
    on conflict (run_id, name, ordinal) do update
    set status = excluded.status, output = excluded.output, error = excluded.error, attempt = excluded.attempt,
        settled_seq = excluded.settled_seq, settled_at = excluded.settled_at, revision = excluded.revision, due_at = null,
        worker = excluded.worker, started_at = excluded.started_at
    where s.kind = 'inline' and s.settled_seq is null
    returning s.run_id
  ),
  own as (
    update ${runs} as r
    set revision = t.revision + t.plans, turn = t.turn, seen_wake_seq = t.wake_seq, updated_at = t.at,
        crashes = case when t.plans > 0 then 0 else r.crashes end
    from turns as t
    where r.run_id = t.run_id
  )
  select t.i, t.revision::float8 as first, (t.revision + t.plans)::float8 as revision, t.wake_seq::float8 as wake_seq,
         ${millis('t.at')} as at, (select count(*) from written) = (select sum(turns.plans) from turns) as complete
  from turns as t`,
  }
}

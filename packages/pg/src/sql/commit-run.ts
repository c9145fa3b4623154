import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { changesOf, clockAfter, expectFew, interval, millis, orphansOf, stepJson, waiting } from './fragments.ts'

const ends = `('complete', 'fail', 'cancel')`
const isToRead = `t.verdict in ('apply', 'again') and t.snap_revision = t.base and t.snap_revision > t.after and not t.leaves`

/**
 * Apply turns of held runs, each all or not at all. One turn of a run in a statement.
 *
 * $1 calls json: [{ i, runId, claimId, epoch, turn, after, codeHash, move, wakeSeq, delayMs, reason, output, error, plans,
 *    schedules, suspends, children }]
 *    plans: how many $2 holds for it; schedules, suspends, children: how many of those are no records, suspend steps, children
 * $2 plans json: [{ i, k: place in the turn from 1, kind, name, ordinal, askedAfter, status, rpcName, input, inputDigest,
 *    output, error, attempt, retries, retryDelayMs, delayMs, durationMs,
 *    child: { runId, workflow, input, inputDigest, tags, parentRunId, parentStep, parentOrdinal, parentOnEnd },
 *    written: this one makes the step's row }]
 * $3 bytes of text one answer may carry
 * $4 clock offset in ms
 * $5 lock_timeout in ms (patient only)
 *
 * One row per call whose run could be locked: i, verdict, workflow, leaves, stale, revision, first (the revision before its
 * first plan's), at, wake_seq, changes, upto, more, fresh (steps this commit changed and its caller does not know), consumed
 * (signals, by it), recorded (of a repeated turn), parent (to be rung), orphans (children that are not to outlive it), and
 * complete: every record of the statement was written. planned: the places of the plans that made a row.
 * Verdicts: apply · again (applied before) · lost · busy · stale (nothing was written).
 */
export function commitRun(schema: Schema, patient: boolean): Statement {
  return {
    name: 'commitRun',
    text: `
  with calls as materialized (
    select *
    from json_to_recordset($1::text::json) as c(
      i integer, "runId" text collate "C", "claimId" text, epoch bigint, turn bigint, after bigint, "codeHash" text collate "C",
      move text collate "C", "wakeSeq" bigint, "delayMs" float8, reason text, output text, error text, plans integer,
      schedules integer, suspends integer, children integer)
    where ${expectFew('c.i')}
  ),
  plans as materialized (
    select *
    from json_to_recordset($2::text::json) as p(
      i integer, k integer, kind text collate "C", name text collate "C", ordinal integer, "askedAfter" bigint,
      status text collate "C", "rpcName" text, input text, "inputDigest" text, output text, error text, attempt integer,
      retries integer, "retryDelayMs" bigint, "delayMs" float8, "durationMs" float8, child jsonb, written boolean)
    where ${expectFew('p.i')}
  ),
  ${guarded(schema, waiting(patient, '$5'))},
  ${settledNaps(schema)},
  ${written(schema)},
  ${left(schema)},
  ${parents(schema)}
  select t.i, t.verdict, t.workflow, t.leaves, t.snap_revision <> t.base as stale, t.revision::float8 as revision,
         t.first::float8 as first, ${millis('t.at')} as at, t.snap_wake_seq::float8 as wake_seq, read.changes,
         read.upto::float8 as upto, read.more, news.fresh, news.planned, known.recorded, t.orphans,
         (select json_agg(g.signal_id) from matched as g where g.i = t.i) as consumed,
         case when rung.i is not null then json_build_array(rung.run_id, rung.workflow, rung.held) end as parent,
         (select count(*) from written as s where s.kind = 'inline')
           = (select count(*) from asked as p where p.written and p.kind = 'inline') as complete
  from moved as t
  left join rung on rung.i = t.i
  cross join lateral (
    ${changesOf(schema, { run: 't.run_id', after: 't.after', bytes: '$3::float8', at: 't.at', atLeastOne: false, when: isToRead })}
  ) as read
  cross join lateral (
    select json_agg(${stepJson('s', 't.at')} order by s.revision) filter (where not t.leaves) as fresh,
           json_agg(s.revision - t.first) filter (where s.kind in ('rpc', 'child')) as planned
    from (
      select ${stepColumns} from napped as s where s.i = t.i
      union all
      select ${stepColumns} from written as s where t.schedules > 0 and s.run_id = t.run_id and s.kind <> 'inline'
    ) as s
  ) as news
  cross join lateral (
    select json_agg(json_build_array(p.k, b.settled_seq, ${millis('b.settled_at')})) as recorded
    from plans as p
    cross join lateral (
      select b.settled_seq, b.settled_at
      from ${schema.quoted}.workflow_step as b
      where t.verdict = 'again' and p.kind = 'inline' and b.run_id = t.run_id and b.name = p.name and b.ordinal = p.ordinal
      offset 0
    ) as b
    where t.verdict = 'again' and p.i = t.i and b.settled_seq is not null
  ) as known`,
  }
}

const stepColumns = `s.revision, s.name, s.ordinal, s.kind, s.status, s.rpc_name, s.input_digest, s.output, s.error,
             s.reason, s.attempt, s.lost, s.asked_after, s.settled_seq, s.settled_at, s.due_at`

/**
 * Everything up to the verdict. A run that ends locks its parent too, in the one order. A child's end and its parent's own
 * turn do not travel in one statement: they would update one row twice.
 */
function guarded(schema: Schema, wait: ReturnType<typeof waiting>): string {
  const runs = `${schema.quoted}.workflow_runs`
  return `${wait.cte}
  locked as materialized (
    select c.*, snap.ends_child, snap.revision as snap_revision, snap.wake_seq as snap_wake_seq, snap.parent_run_id as snap_parent,
           w.is_parent, r.run_id, r.workflow, r.revision as base, r.wake_seq, r.seen_wake_seq, r.epoch as held_epoch,
           r.claim_id as held_claim,
           r.turn as last_turn, r.lease_until, r.ended_at, r.rings as dispatched, r.parent_run_id, r.parent_step,
           r.parent_ordinal, r.owner
    from ${wait.from} calls as c
    cross join lateral (
      select s.revision, s.wake_seq, s.parent_run_id,
             c.move in ${ends} and exists (select from ${runs} as p where p.run_id = s.parent_run_id offset 0) as ends_child
      from ${runs} as s
      where s.run_id = c."runId"
      offset 0
    ) as snap
    cross join lateral (values (c."runId", false), (snap.parent_run_id, true)) as w(run_id, is_parent)
    join ${runs} as r on r.run_id = w.run_id
    where snap.ends_child or not w.is_parent
    order by r.run_id
    for no key update of r ${wait.skip}
  ),
  ${clockAfter('locked', '$4')},
  turns as materialized (
    select l.*, clock.at, l.lease_until is null as free,
           case
             when l.held_epoch <> l.epoch or l.held_claim is distinct from l."claimId" then 'lost'
             when l.last_turn >= l.turn and (l.lease_until is not null or l.move <> 'hold') then 'again'
             when l.ended_at is not null or l.lease_until is null then 'lost'
             when l.ends_child and (exists (select from calls as o where o."runId" = l.snap_parent)
               or not exists (select from locked as p where p.is_parent and p.i = l.i)) then 'busy'
             when l.suspends > 0 and l.snap_revision <> l.base then 'stale'
             else 'apply'
           end as verdict
    from locked as l
    cross join clock
    where not l.is_parent
  )`
}

/** Sleeps that are due take the first places after what was there. */
function settledNaps(schema: Schema): string {
  const steps = `${schema.quoted}.workflow_step`
  return `naps as materialized (
    select t.i, t.run_id, t.at, due.name, due.ordinal,
           t.base + row_number() over (partition by t.i order by due.due_at, due.asked_revision) as seq
    from turns as t
    cross join lateral (
      select s.name, s.ordinal, s.due_at, s.asked_revision
      from ${steps} as s
      where t.verdict = 'apply' and s.run_id = t.run_id and s.status = 'scheduled' and s.due_at <= t.at and s.kind = 'sleep'
      offset 0
    ) as due
  ),
  napped as (
    update ${steps} as s
    set status = 'succeeded', output = '', due_at = null, settled_seq = n.seq, revision = n.seq, settled_at = n.at
    from naps as n
    where s.run_id = n.run_id and s.name = n.name and s.ordinal = n.ordinal and s.settled_seq is null
    returning n.i, s.*
  )`
}

/** How many sleeps a turn settled, as `n.count`. */
const napCount = `cross join lateral (select count(*) from naps as n where n.i = t.i) as n`

/** The rows of the turn. A step that is settled, or that was asked for before, is left as it is. */
function written(schema: Schema): string {
  const steps = `${schema.quoted}.workflow_step`
  const signals = `${schema.quoted}.workflow_signal`
  return `asked as materialized (
    select p.*, t.run_id, t.at, t.owner, t.base + n.count + p.k as seq,
           row_number() over (partition by p.i, p.kind, p.name order by p.k) as nth
    from turns as t
    ${napCount}
    join plans as p on p.i = t.i
    where t.verdict = 'apply' and t.plans > 0
  ),
  matched as materialized (
    select p.i, p.k, p.run_id, waiting.signal_id, waiting.payload
    from asked as p
    cross join lateral (
      select g.signal_id, g.payload
      from ${signals} as g
      where g.run_id = p.run_id and g.revision > 0 and g.name = p.name and not g.consumed
        and not exists (select from ${steps} as s where s.run_id = p.run_id and s.name = p.name and s.ordinal = p.ordinal offset 0)
      order by g.revision
      offset p.nth - 1
      limit 1
    ) as waiting
    where p.kind = 'suspend'
  ),
  consumed as (
    update ${signals} as g
    set consumed = true, payload = ''
    from matched as m
    where g.run_id = m.run_id and g.signal_id = m.signal_id
  ),
  written as (
    insert into ${steps} as s (
      run_id, name, ordinal, kind, status, rpc_name, input, input_digest, output, error, attempt, retries,
      retry_delay_ms, child_run_id, asked_after, asked_revision, settled_seq, settled_at, revision, due_at, ring_at, rung,
      rings, dispatches, worker, created_at, started_at)
    select p.run_id, p.name, p.ordinal, p.kind, case when m.i is null then p.status else 'succeeded' end, p."rpcName",
           p.input, p."inputDigest", case when m.i is null then p.output else m.payload end, p.error, p.attempt, p.retries,
           p."retryDelayMs", p.child ->> 'runId', p."askedAfter", p.seq,
           case when p.status <> 'scheduled' or m.i is not null then p.seq end,
           case when p.status <> 'scheduled' or m.i is not null then p.at end, p.seq, p.at + ${interval('p."delayMs"')},
           case when p.kind = 'rpc' then p.at end, p.kind = 'rpc', (p.kind = 'rpc')::integer, (p.kind = 'rpc')::integer,
           case when p.kind = 'inline' then p.owner end, p.at,
           p.at - ${interval('p."durationMs"')}
    from asked as p
    left join matched as m on m.i = p.i and m.k = p.k
    where p.written
    on conflict (run_id, name, ordinal) do update
    set status = excluded.status, output = excluded.output, error = excluded.error, attempt = excluded.attempt,
        settled_seq = excluded.settled_seq, settled_at = excluded.settled_at, revision = excluded.revision,
        due_at = excluded.due_at, worker = excluded.worker, started_at = excluded.started_at
    where s.kind = 'inline' and excluded.kind = 'inline' and s.settled_seq is null
    returning s.*
  ),
  tried as (
    insert into ${schema.quoted}.workflow_attempt (
      run_id, name, ordinal, attempt, outcome, error, worker, revision, started_at, ended_at)
    select p.run_id, p.name, p.ordinal, p.attempt, 'failed', p.error, p.owner, p.seq, p.at - ${interval('p."durationMs"')}, p.at
    from asked as p
    where p.kind = 'inline' and p.status = 'scheduled'
    on conflict (run_id, name, ordinal, attempt) do nothing
  ),
  born as (
    insert into ${schema.quoted}.workflow_runs (
      run_id, workflow, input, input_digest, tags, parent_run_id, parent_step, parent_ordinal, parent_on_end,
      ring_at, rung, rings, created_at, updated_at)
    select c."runId", c.workflow, c.input, c."inputDigest", array(select jsonb_array_elements_text(c.tags)),
           c."parentRunId", c."parentStep", c."parentOrdinal", c."parentOnEnd", p.at, true, 1,
           p.at + p.k * interval '1 microsecond', p.at
    from asked as p
    cross join lateral jsonb_to_record(p.child) as c(
      "runId" text collate "C", workflow text, input text, "inputDigest" text, tags jsonb, "parentRunId" text,
      "parentStep" text, "parentOrdinal" integer, "parentOnEnd" text)
    where p.kind = 'child'
    order by c."runId"
    on conflict (run_id) do nothing
  )`
}

/** How each run is left. */
function left(schema: Schema): string {
  const runs = `${schema.quoted}.workflow_runs`
  const steps = `${schema.quoted}.workflow_step`
  return `moved as materialized (
    select t.*, t.base + n.count as first, t.base + case when t.verdict = 'apply' then n.count + t.plans else 0 end as revision,
           t.move = 'yield' and t."delayMs" = 0 or t.move = 'suspend' and t."codeHash" is not null
             or t.move in ${ends} and orphans.rings as rings,
           orphans.items as orphans,
           case
             when t.verdict = 'again' then t.free
             when t.verdict <> 'apply' or t.move = 'hold' then false
             when t.move = 'park' or (t.move = 'suspend' and t."codeHash" is null) then
               t."wakeSeq" = t.wake_seq and n.count = 0 and not exists (select from matched as m where m.i = t.i)
             else true
           end as leaves
    from turns as t
    ${napCount}
    cross join lateral (
      ${orphansOf(schema, { run: 't.run_id', at: 't.at', when: `t.move in ${ends}` })}
    ) as orphans
  ),
  timers as materialized (
    select m.i, least(
      (select min(s.due_at)
       from ${steps} as s
       where s.run_id = m.run_id and s.status = 'scheduled' and s.due_at is not null and s.kind in ('sleep', 'inline')
         and not exists (select from asked as p where p.i = m.i and p.name = s.name and p.ordinal = s.ordinal)
         and not exists (select from naps as n where n.i = m.i and n.name = s.name and n.ordinal = s.ordinal)),
      (select min(s.due_at) from written as s where m.plans > 0 and s.run_id = m.run_id and s.status = 'scheduled')
    ) as at
    from moved as m
    where m.leaves and m.verdict = 'apply' and m.move in ('park', 'suspend') and m."codeHash" is null
  ),
  own as (
    update ${runs} as r
    set revision = m.revision,
        turn = m.turn,
        seen_wake_seq = case when m.leaves and (m.move not in ('park', 'suspend') or m."codeHash" is not null)
                             then r.seen_wake_seq else m.wake_seq end,
        crashes = case when m.plans > 0 then 0 else r.crashes end,
        status = case when not m.leaves or m.move in ('park', 'yield') then 'running'
                      when m.move = 'complete' then 'completed'
                      when m.move = 'fail' then 'failed'
                      when m.move = 'cancel' then 'cancelled'
                      else 'suspended' end,
        reason = case when m.leaves then m.reason end,
        output = case when m.leaves then m.output end,
        error = case when m.leaves then m.error end,
        lease_until = case when not m.leaves then r.lease_until end,
        ended_at = case when m.leaves and m.move in ${ends} then m.at end,
        halted = m.leaves and m.move = 'suspend' and m."codeHash" is not null,
        blocked = case when m.leaves and m."codeHash" is not null and not array[m."codeHash"] <@ r.blocked
                       then array_append(r.blocked, m."codeHash") else r.blocked end,
        has_children = r.has_children or m.children > 0,
        ring_at = case when not m.leaves then r.ring_at
                       when m.move in ${ends} then case when r.has_children or m.children > 0 then m.at end
                       when m.move = 'yield' then m.at + ${interval('m."delayMs"')}
                       when m."codeHash" is not null then m.at
                       else (select w.at from timers as w where w.i = m.i) end,
        rung = case when m.leaves then m.rings else r.rung end,
        rings = case when m.leaves then m.rings::integer else r.rings end,
        updated_at = m.at
    from moved as m
    where r.run_id = m.run_id and m.verdict = 'apply'
  ),
  reread as (
    update ${runs} as r
    set seen_wake_seq = greatest(r.seen_wake_seq, m.wake_seq)
    from moved as m
    where r.run_id = m.run_id and m.verdict = 'again' and not m.leaves
  )`
}

/** Runs that end settle their parents' steps: children of one parent take places after each other. */
function parents(schema: Schema): string {
  const runs = `${schema.quoted}.workflow_runs`
  return `ended as materialized (
    select m.i, m.move, m.output, m.error, m.reason, m.at, m.verdict, m.run_id as child_run_id,
           m.parent_step, m.parent_ordinal, p.run_id, p.workflow, p.lease_until,
           p.wake_seq > p.seen_wake_seq or p.dispatched > 0 as told,
           p.base + row_number() over (partition by p.run_id order by m.i) as seq
    from moved as m
    join locked as p on p.is_parent and p.i = m.i and p.ended_at is null
    where m.leaves and m.move in ${ends}
  ),
  family as (
    update ${schema.quoted}.workflow_step as s
    set status = case when e.move = 'complete' then 'succeeded' else 'failed' end,
        output = e.output, error = e.error, reason = e.reason, settled_seq = e.seq, revision = e.seq, settled_at = e.at
    from ended as e
    where e.verdict = 'apply' and s.run_id = e.run_id and s.name = e.parent_step and s.ordinal = e.parent_ordinal
      and s.child_run_id = e.child_run_id and s.settled_seq is null
    returning e.i, e.run_id, e.told, e.lease_until, e.at, s.settled_seq
  ),
  woken as (
    update ${runs} as r
    set revision = f.seq, wake_seq = r.wake_seq + f.count, updated_at = f.at,
        ring_at = case when f.rings then f.at else r.ring_at end,
        rung = f.rings or r.rung,
        rings = case when f.rings then 1 else r.rings end
    from (
      select f.run_id, f.at, max(f.settled_seq) as seq, count(*) as count,
             bool_and(not f.told and f.lease_until is null) as rings
      from family as f
      group by f.run_id, f.at
    ) as f
    where r.run_id = f.run_id
  ),
  rung as materialized (
    select min(e.i) as i, e.run_id, e.workflow, coalesce(e.lease_until > e.at, false) as held
    from ended as e
    where (e.verdict = 'again' and e.told) or (not e.told and exists (select from family as f where f.i = e.i))
    group by e.run_id, e.workflow, e.lease_until, e.at
  )`
}

import type { Statement } from '../driver.ts'
import type { Schema } from '../schema.ts'
import { expectFew, clockAfter, millis, runBytes, runJson } from './fragments.ts'

/**
 * Insert runs, or read those that have the id already.
 *
 * $1 calls json: [{ i, runId, workflow, input, inputDigest, tags, parentRunId, parentStep, parentOrdinal, parentOnEnd }]
 * $2 bytes of runs all answers together may carry; what does not fit is left out, the smallest go first
 * $3 clock offset in ms
 *
 * One row per call: i, created_at (set when it was inserted here),  held (set when it was there before), run (as far as it fits).
 * Neither: somebody inserted it while this ran; read again.
 */
export function createRun(schema: Schema): Statement {
  const runs = `${schema.quoted}.workflow_runs`
  return {
    name: 'createRun',
    text: `
  with calls as materialized (
    select *
    from json_to_recordset($1::text::json) as c(
      i integer, "runId" text collate "C", workflow text, input text, "inputDigest" text, tags jsonb, "parentRunId" text,
      "parentStep" text, "parentOrdinal" integer, "parentOnEnd" text)
    where ${expectFew('c.i')}
  ),
  ${clockAfter('calls', '$3')},
  created as (
    insert into ${runs} (
      run_id, workflow, input, input_digest, tags, parent_run_id, parent_step, parent_ordinal, parent_on_end,
      ring_at, rung, rings, created_at, updated_at)
    select c."runId", c.workflow, c.input, c."inputDigest", array(select jsonb_array_elements_text(c.tags)),
           c."parentRunId", c."parentStep", c."parentOrdinal", c."parentOnEnd", clock.at, true, 1,
           clock.at + c.i * interval '1 microsecond', clock.at
    from calls as c
    cross join clock
    order by c."runId"
    on conflict (run_id) do nothing
    returning run_id, created_at
  )
  select c.i, ${millis('created.created_at')} as created_at, known.held,
         case when sum(known.bytes) over (order by known.bytes, c.i) <= $2::float8 then ${runJson('known')} end as run
  from calls as c
  cross join clock
  left join created on created.run_id = c."runId"
  left join lateral (
    select r.*, ${runBytes('r')} as bytes, coalesce(r.lease_until > clock.at, false) as held
    from ${runs} as r
    where r.run_id = c."runId" and created.run_id is null
    offset 0
  ) as known on true`,
  }
}

import type { Sweep, Swept, WorkItem } from '@pikku/core/contract'
import type { Database, RunRow, StepRow } from './database.ts'
import { runItem, stepItem } from './rules.ts'

/** Everything that somebody ought to come for, and when it is to be rung: the window doubles with every ring. */
const work = `with work as (
  select kind, runs.place as runPlace, null as stepPlace,
    max(
      case kind when 'orphan' then 0 when 'dead run' then leaseUntil + holdBack(crashes) else wantAt end,
      coalesce(rungAt + :redispatchAfterMs * (1 << min(rings, 20)), 0)
    ) as at
  from runs join (
    select place, case
        when parent ->> 'onEnd' = 'cancel'
          and not exists (select 1 from runs up where up.runId = runs.parent ->> 'runId' and up.endedAt is null)
          then 'orphan'
        when leaseUntil is not null then 'dead run'
        else 'run'
      end as kind
    from runs where endedAt is null
  ) using (place)
  where kind = 'orphan' or (halted is not 'limit' and exists (
    select 1 from json_each(:known) as known
    where known.value ->> 'name' = workflow
      and not exists (select 1 from json_each(blockedFor) as hash where hash.value = known.value ->> 'codeHash')
  ))
  union all
  select iif(steps.leaseUntil is null, 'step', 'dead step'), runs.place, steps.place,
    max(
      coalesce(steps.leaseUntil, steps.wantAt),
      coalesce(steps.rungAt + :redispatchAfterMs * (1 << min(steps.rings, 20)), 0)
    )
  from steps join runs using (runId)
  where steps.settledSeq is null and steps.kind = 'rpc' and runs.endedAt is null and runs.halted is null
)`

export function sweep(db: Database, { limit, redispatchAfterMs, known }: Sweep): Swept {
  const ask = { redispatchAfterMs, known: JSON.stringify(known) }
  const due = db.all<{ nth: number; runPlace: number; stepPlace: number | null }>(
    `${work}, numbered as (select *, row_number() over (partition by kind order by at) as nth from work where at <= :now)
     select runPlace, stepPlace, nth from numbered where nth <= :limit + 1 order by at`,
    { ...ask, now: db.now, limit },
  )
  const items = due
    .filter(({ nth }) => nth <= limit)
    .map((row): WorkItem => {
      const table = row.stepPlace === null ? 'runs' : 'steps'
      const place = row.stepPlace ?? row.runPlace
      const found = db.get<RunRow | StepRow>(`select * from ${table} where place = :place`, { place }) as
        RunRow | StepRow
      Object.assign(found, { rings: found.rungAt === null ? 0 : found.rings + 1, rungAt: db.now })
      const item = 'workflow' in found ? runItem(db, found) : stepItem(found)
      db.save(table, found)
      return item
    })
  const next = db.get<{ at: number | null }>(`${work} select min(at) as at from work`, ask)?.at ?? null
  return { items, full: due.length > items.length, nextDueInMs: next === null ? null : Math.max(0, next - db.now) }
}

// The raw cost on PostgreSQL: one statement per kind of write and turn of the event loop, one of each under way.
import postgres from 'postgres'
import { Coalesced } from './coalesced.ts'
import { floorDriver, type RawWrites } from './floor.ts'
import { serve } from './host.ts'

interface StepRow {
  readonly run: string
  readonly step: number
  readonly result: string | null
}

const tables = `
  create table if not exists floor_run (run text primary key, ended boolean not null default false);
  create table if not exists floor_step (
    run text, step int, status int not null, result text, created_at timestamptz not null default now(),
    primary key (run, step)) with (fillfactor = 70);
  create table if not exists floor_message (message text primary key)`

function writesTo(sql: postgres.Sql): RawWrites {
  const runs = new Coalesced<string>((ids) => sql`insert into floor_run (run) select unnest(${[...ids]}::text[])`)
  const ends = new Coalesced<string>(
    (ids) => sql`update floor_run set ended = true where run = any(${[...ids]}::text[])`,
  )
  const sent = new Coalesced<string>((ids) => sql`insert into floor_message select unnest(${[...ids]}::text[])`)
  const taken = new Coalesced<string>((ids) => sql`delete from floor_message where message = any(${[...ids]}::text[])`)
  const columns = (rows: readonly StepRow[]) => sql`
    unnest(${rows.map(({ run }) => run)}::text[], ${rows.map(({ step }) => step)}::int[],
      ${rows.map(({ result }) => result)}::text[]) as given (run, step, result)`
  const inserted = new Coalesced<StepRow>(
    (rows) => sql`insert into floor_step (run, step, status, result) select run, step, 0, result from ${columns(rows)}`,
  )
  const updated = new Coalesced<StepRow>(
    (rows) => sql`update floor_step set status = floor_step.status + 1, result = given.result from ${columns(rows)}
      where floor_step.run = given.run and floor_step.step = given.step`,
  )
  return {
    insertRun: (run) => runs.put(run),
    endRun: (run) => ends.put(run),
    insertStep: (run, step, result) => inserted.put({ run, step, result }),
    updateStep: (run, step, result) => updated.put({ run, step, result }),
    send: (message) => sent.put(message),
    take: (message) => taken.put(message),
    close: () => sql.end(),
  }
}

serve(async ({ place }) => {
  const sql = postgres(place.url, { max: 4, onnotice: () => undefined })
  await sql.unsafe(tables)
  return floorDriver(writesTo(sql))
})

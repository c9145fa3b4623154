import type { StoreMutants } from '../mutant.ts'

type Reading = 'getRun' | 'listSteps' | 'listAttempts' | 'listRuns' | 'deleteRuns' | 'migrate'

export const readerMutants: Pick<StoreMutants, Reading> = {
  getRun: [
    {
      what: 'shows no parent',
      change: { 'rows.ts': { 'parentRunId === null ? null : {': 'parentRunId !== "" ? null : {' } },
      caughtBy: 'commitRun › steps are scheduled, and rpc steps and children rung',
    },
    {
      what: 'trims the payload',
      change: {
        'sql/fragments.ts': {
          '${run}.run_id, ${run}.workflow, ${run}.status, ${run}.input,':
            '${run}.run_id, ${run}.workflow, ${run}.status, btrim(${run}.input),',
        },
      },
      caughtBy: 'createRun › F28 F29 F30 F31: payloads come back exactly as they were given',
    },
  ],
  listSteps: [
    {
      what: 'lists steps as they settled',
      change: { 'sql/read-runs.ts': { 'order by s.asked_revision': 'order by s.revision' } },
      caughtBy: 'reader › steps are listed in the order they were asked for, with what a person wants to see',
    },
    {
      what: "keeps a child's input to itself",
      change: { 'sql/read-runs.ts': { 'coalesce(s.input, child.input) as input': 's.input' } },
      caughtBy: 'reader › steps are listed in the order they were asked for, with what a person wants to see',
    },
    {
      what: 'shows the error of an attempt that was followed by another',
      change: {
        'sql/fragments.ts': { "case when ${step}.status <> 'running' then ${step}.error end": '${step}.error' },
      },
      caughtBy: 'reader › a step that is tried again shows neither error nor timer while it runs',
    },
  ],
  listAttempts: [
    {
      what: 'lists attempts step by step',
      change: {
        'sql/read-runs.ts': {
          'and s.settled_seq is not null\n  order by revision':
            'and s.settled_seq is not null\n  order by name, revision',
        },
      },
      caughtBy: 'reader › F61: every attempt is on record, in the order they ended',
    },
    {
      what: 'lists the last attempt of each step only',
      change: { 'sql/read-runs.ts': { 'where a.run_id = $1::text': 'where a.run_id = $1::text and false' } },
      caughtBy: 'reader › F61: every attempt is on record, in the order they ended',
    },
    {
      what: 'lists the ends of waits',
      change: { 'sql/read-runs.ts': { " and s.kind in ('rpc', 'inline') and": ' and' } },
      caughtBy: 'reader › F61: every attempt is on record, in the order they ended',
    },
  ],
  listRuns: [
    {
      what: 'lists the oldest first',
      change: {
        'sql/read-runs.ts': { 'order by r.created_at desc, r.run_id desc': 'order by r.created_at, r.run_id' },
      },
      caughtBy: 'reader › runs are listed newest first, page by page',
    },
    {
      what: 'takes the moment alone for a place',
      change: {
        'sql/create-run.ts': { "clock.at + c.i * interval '1 microsecond'": 'clock.at' },
        'sql/read-runs.ts': {
          'and (r.created_at, r.run_id)\n      < (case': 'and (r.created_at)\n      < (case',
          ", coalesce($7::text, ''))": " - (coalesce($7::text, '') is null)::integer * interval '1 second')",
        },
      },
      caughtBy: 'reader › runs made in one moment are paged without loss or repetition',
    },
    {
      what: 'counts pages from the newest',
      change: {
        'pg-reader.ts': {
          'const [createdAt, runId] = placeOf(query.cursor)':
            'const [createdAt, runId, passed] = [null, null, Number(query.cursor ?? 0)]',
          'const limit = query.limit + 1': 'const limit = query.limit + 1 + passed',
          'const runs = rows.slice(0, query.limit)': 'const runs = rows.slice(passed, passed + query.limit)',
          "rows.length > query.limit ? JSON.stringify([last['place'], runs.at(-1)?.runId])":
            'rows.length > query.limit + passed ? String(passed + query.limit)',
        },
      },
      caughtBy: 'reader › a page is stable under inserts',
    },
    {
      what: 'promises a page after the last',
      change: { 'pg-reader.ts': { 'last && rows.length > query.limit ?': 'last ?' } },
      caughtBy: 'reader › an exact page is the last one',
    },
    {
      what: 'is content with one of the tags',
      change: {
        'sql/read-runs.ts': {
          'and cardinality(r.tags) > 0\n    and r.tags @>': 'and cardinality(r.tags) > 0\n    and r.tags &&',
        },
      },
      caughtBy: 'reader › runs are found by workflow, status, tags and time',
    },
    {
      what: 'counts the bounds in',
      change: { 'sql/read-runs.ts': { "bound('$4')} + 1`": "bound('$4')}`" } },
      caughtBy: 'reader › runs are found by workflow, status, tags and time',
    },
  ],
  deleteRuns: [
    {
      what: 'leaves a trace of signals',
      change: { 'sql/delete-runs.ts': { "signals as (${rowsOf('workflow_signal')}),": '' } },
      caughtBy: 'admin › a deleted id is free again, with nothing left of before',
    },
    {
      what: 'leaves a trace of steps',
      change: { 'sql/delete-runs.ts': { "steps as (${rowsOf('workflow_step')}),": '' } },
      caughtBy: 'admin › a deleted id is free again, with nothing left of before',
    },
    {
      what: 'leaves a trace of attempts',
      change: { 'sql/delete-runs.ts': { "attempts as (${rowsOf('workflow_attempt')}),": '' } },
      caughtBy: 'admin › a deleted id is free again, with nothing left of before',
    },
    {
      what: 'knows no limit',
      change: {
        'pg-reader.ts': {
          '[which.finishedBefore, statuses, which.limit - deleted]': '[which.finishedBefore, statuses, 1000]',
        },
      },
      caughtBy: 'admin › F45: ended runs are deleted with every trace, oldest first',
    },
    {
      what: 'deletes the newest first',
      change: { 'sql/delete-runs.ts': { 'order by r.ended_at\n': 'order by r.ended_at desc\n' } },
      caughtBy: 'admin › F45: ended runs are deleted with every trace, oldest first',
    },
    {
      what: 'deletes whatever the status',
      change: {
        'pg-reader.ts': {
          'const statuses = which.statuses ? JSON.stringify(which.statuses) : null': 'const statuses = null',
        },
      },
      caughtBy: 'admin › only the given statuses are deleted',
    },
  ],
  migrate: [
    {
      what: 'begins anew',
      change: {
        'migrate.ts': {
          'if (!next) return\n':
            'if (!next) return void (await pool.script(`delete from ${schema.quoted}.workflow_runs`))\n',
        },
      },
      caughtBy: 'admin › F53: migrating again, from many processes at once, changes nothing',
    },
    {
      what: 'touches what is there',
      change: {
        'migrate.ts': {
          'if (!next) return\n':
            'if (!next) return void (await pool.script(`update ${schema.quoted}.workflow_runs set crashes = crashes + 1`))\n',
        },
      },
      caughtBy: 'admin › F53: migrating again, from many processes at once, changes nothing',
    },
  ],
}

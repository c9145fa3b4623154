import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import type postgres from 'postgres'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { openPgStore } from '../src/index.ts'
import { Driver } from '../src/driver.ts'
import type { Statement } from '../src/driver.ts'
import { openSchema } from '../src/schema.ts'
import type { Schema } from '../src/schema.ts'
import { cancelRun } from '../src/sql/cancel-run.ts'
import { claimRun } from '../src/sql/claim-run.ts'
import { claimStep } from '../src/sql/claim-step.ts'
import { commitRun } from '../src/sql/commit-run.ts'
import { createRun } from '../src/sql/create-run.ts'
import { deleteRuns } from '../src/sql/delete-runs.ts'
import { enlist, holdLock } from '../src/sql/enlist.ts'
import { publish } from '../src/sql/publish.ts'
import { readChanges } from '../src/sql/read-changes.ts'
import { readInput } from '../src/sql/read-input.ts'
import { getRuns, listAttempts, listRuns, listSteps } from '../src/sql/read-runs.ts'
import { recordSteps } from '../src/sql/record-steps.ts'
import { releaseStep } from '../src/sql/release-step.ts'
import { renewLeases, renewOwned } from '../src/sql/renew-leases.ts'
import { resumeRun } from '../src/sql/resume-run.ts'
import { settleStep } from '../src/sql/settle-step.ts'
import { signalRun } from '../src/sql/signal-run.ts'
import { sweep } from '../src/sql/sweep.ts'
import { databaseUrl, freshSchema, openSql, quiet } from './pg-harness.ts'

interface Case {
  readonly file: string
  readonly statements: (schema: Schema) => readonly Statement[]
  /** Every index its plan reads. */
  readonly indexes: readonly string[]
}

const runsKey = 'workflow_runs_pkey'
const stepKey = 'workflow_step_pkey'
const changes = ['workflow_signal_waiting', 'workflow_step_revision']

const cases: readonly Case[] = [
  { file: 'create-run', statements: (schema) => [createRun(schema)], indexes: [runsKey] },
  {
    file: 'claim-run',
    statements: (schema) => [claimRun(schema, false), claimRun(schema, true)],
    indexes: [runsKey, stepKey, 'workflow_step_due', ...changes],
  },
  {
    file: 'commit-run',
    statements: (schema) => [commitRun(schema, false), commitRun(schema, true)],
    indexes: [runsKey, 'workflow_runs_children', stepKey, 'workflow_step_due', 'workflow_signal_pkey', ...changes],
  },
  { file: 'record-steps', statements: (schema) => [recordSteps(schema)], indexes: [runsKey, 'workflow_step_due'] },
  {
    file: 'claim-step',
    statements: (schema) => [claimStep(schema, false), claimStep(schema, true)],
    indexes: [runsKey, stepKey],
  },
  {
    file: 'settle-step',
    statements: (schema) => [settleStep(schema, false), settleStep(schema, true)],
    indexes: [runsKey, stepKey],
  },
  {
    file: 'release-step',
    statements: (schema) => [releaseStep(schema, false), releaseStep(schema, true)],
    indexes: [runsKey, stepKey],
  },
  {
    file: 'renew-leases',
    statements: (schema) => [renewLeases(schema), renewOwned(schema)],
    indexes: [runsKey, 'workflow_runs_lease', stepKey, 'workflow_step_lease'],
  },
  {
    file: 'signal-run',
    statements: (schema) => [signalRun(schema, false), signalRun(schema, true)],
    indexes: [runsKey, stepKey, 'workflow_signal_pkey'],
  },
  {
    file: 'resume-run',
    statements: (schema) => [resumeRun(schema, false), resumeRun(schema, true)],
    indexes: [runsKey, stepKey],
  },
  {
    file: 'cancel-run',
    statements: (schema) => [cancelRun(schema, false), cancelRun(schema, true)],
    indexes: [runsKey, 'workflow_runs_children', stepKey],
  },
  {
    file: 'sweep',
    statements: (schema) => [sweep(schema)],
    indexes: [
      runsKey,
      'workflow_runs_children',
      'workflow_runs_family',
      'workflow_runs_lease',
      'workflow_runs_ring',
      stepKey,
      'workflow_step_lease',
      'workflow_step_ring',
    ],
  },
  { file: 'read-changes', statements: (schema) => [readChanges(schema)], indexes: [runsKey, ...changes] },
  { file: 'read-input', statements: (schema) => [readInput(schema)], indexes: [stepKey] },
  {
    file: 'read-runs',
    statements: (schema) => [getRuns(schema), listSteps(schema), listAttempts(schema)],
    indexes: [runsKey, stepKey, 'workflow_attempt_pkey'],
  },
  {
    file: 'read-runs',
    statements: (schema) => [listRuns(schema, 'all'), listRuns(schema, 'workflow')],
    indexes: ['workflow_runs_created', 'workflow_runs_workflow'],
  },
  { file: 'read-runs', statements: (schema) => [listRuns(schema, 'tags')], indexes: ['workflow_runs_tags'] },
  {
    file: 'delete-runs',
    statements: (schema) => [deleteRuns(schema)],
    indexes: [runsKey, 'workflow_runs_ended', stepKey, 'workflow_attempt_pkey', 'workflow_signal_pkey'],
  },
  { file: 'enlist', statements: (schema) => [enlist(schema), holdLock], indexes: [] },
  { file: 'publish', statements: () => [publish], indexes: [] },
]

const folder = new URL('../src/sql/', import.meta.url)
const files = readdirSync(folder).map((file) => file.replace(/\.ts$/, ''))

describe('statements', () => {
  const schema = openSchema(freshSchema())
  let sql: postgres.Sql

  beforeAll(async () => {
    const { admin, store } = openPgStore(databaseUrl(), schema.name, { leaseMs: 8_000, logger: quiet })
    await admin.migrate()
    await store.close()
    sql = openSql()
    await fill(sql, schema, 100_000)
    await sql.unsafe('set plan_cache_mode = force_generic_plan')
  }, 120_000)

  afterAll(async () => {
    await sql.unsafe(`drop schema if exists ${schema.quoted} cascade`)
    await sql.end()
  })

  test('every statement has a case', () => {
    assert.deepEqual(
      [...new Set(cases.map(({ file }) => file))].sort(),
      files.filter((file) => file !== 'fragments').sort(),
    )
  })

  test('A12: none says now()', () => {
    for (const file of files) {
      const code = readFileSync(new URL(`${file}.ts`, folder), 'utf8')
      assert.doesNotMatch(code, /\bnow\(\)|current_timestamp|localtimestamp/i, file)
    }
    assert.doesNotMatch(readFileSync(new URL('../migrations/0001_init.sql', import.meta.url), 'utf8'), /\bnow\(\)/i)
  })

  for (const { file, statements, indexes } of cases) {
    const names = statements(schema).map(({ name }) => name)
    test(`${file} (${[...new Set(names)].join(', ')}): its indexes and no other way, at 100,000 rows`, async () => {
      const used = new Set<string>()
      for (const statement of statements(schema)) {
        for (const node of await planOf(sql, statement)) {
          const table = node['Relation Name']
          const index = node['Index Name']
          assert.ok(node['Node Type'] !== 'Seq Scan' || isSmall(table), `${statement.name} reads all of ${table}`)
          if (index) used.add(index)
        }
      }
      assert.deepEqual(
        [...used].filter((index) => !index.startsWith('pg_') && !index.startsWith('workflow_worker')).sort(),
        [...indexes].sort(),
      )
    })
  }

  test('plans made while the tables are tiny look their rows up all the same', async () => {
    const tiny = openSchema(freshSchema())
    const { admin, store } = openPgStore(databaseUrl(), tiny.name, { leaseMs: 8_000, logger: quiet })
    await admin.migrate()
    await store.close()
    const own = openSql()
    const options = { logger: quiet, userTimeoutMs: 1000, answerTimeoutMs: 1000 }
    const tuned = new Driver(databaseUrl(), options).connectionSettings()
    const settings = Object.entries(tuned).map(([name, value]) => `set ${name} = '${value}'`)
    await fill(own, tiny, 100)
    await own.unsafe(settings.join(';')).simple()
    try {
      for (const statement of hot(tiny)) {
        for (const node of await planOf(own, statement)) {
          const isTable = node['Relation Name']?.startsWith('workflow_') && !isSmall(node['Relation Name'])
          const looksUp =
            node['Node Type'] === 'ModifyTable' || (node['Index Cond'] ?? node['Recheck Cond']) !== undefined
          assert.ok(
            !isTable || looksUp,
            `${statement.name}: ${node['Node Type']} on ${node['Relation Name']} by no condition`,
          )
        }
      }
    } finally {
      await own.unsafe(`drop schema ${tiny.quoted} cascade`)
      await own.end()
    }
  })
})

/** Those that a running system sends all the time, and whose plans are kept. */
function hot(schema: Schema): Statement[] {
  return [
    createRun(schema),
    claimRun(schema, false),
    commitRun(schema, false),
    recordSteps(schema),
    claimStep(schema, false),
    settleStep(schema, false),
  ]
}

function isSmall(table: string | undefined): boolean {
  return table === undefined || table === 'workflow_worker' || table === 'pg_database'
}

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly 'Recheck Cond'?: string
  readonly Plans?: readonly PlanNode[]
}

let prepared = 0
async function planOf(sql: postgres.Sql, { name, text }: Statement): Promise<PlanNode[]> {
  prepared += 1
  const count = Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map((match) => Number(match[1])))
  const parameters = count === 0 ? '' : `(${Array.from({ length: count }, () => 'null').join(', ')})`
  await sql.unsafe(`prepare p${prepared} as ${text}`)
  const [row] = await sql.unsafe(`explain (format json) execute p${prepared}${parameters}`)
  await sql.unsafe(`deallocate p${prepared}`)
  const [plan] = (row?.['QUERY PLAN'] ?? []) as { Plan: PlanNode }[]
  assert.ok(plan, name)
  return nodesOf(plan.Plan)
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)]
}

/** Runs: most ended, some asleep, some held; a step each, some due, some held. */
async function fill(sql: postgres.Sql, { quoted }: Schema, runs: number): Promise<void> {
  await sql
    .unsafe(
      `
  insert into ${quoted}.workflow_runs (run_id, workflow, status, input, input_digest, tags, parent_run_id, parent_step,
    parent_ordinal, parent_on_end, owner, lease_until, ring_at, rung, created_at, updated_at, ended_at)
  select 'run-' || i, 'workflow-' || i % 10, case when i % 10 < 8 then 'completed' else 'running' end, '{}', 'd',
         case when i % 100 = 0 then array['tag-' || i % 1000] else '{}' end,
         case when i % 20 = 9 then 'run-' || i - 1 end, case when i % 20 = 9 then 'child' end, case when i % 20 = 9 then 0 end,
         case when i % 20 = 9 then 'cancel' end, case when i % 1000 = 9 then 'owner' end,
         case when i % 1000 = 9 then clock_timestamp() + interval '1 minute' end,
         case when i % 10 = 8 then clock_timestamp() + i * interval '1 second' end, i % 100 = 8,
         clock_timestamp() - i * interval '1 second', clock_timestamp(),
         case when i % 10 < 8 then clock_timestamp() - i * interval '1 second' end
  from generate_series(1, ${runs}) as i;
  insert into ${quoted}.workflow_step (run_id, name, ordinal, kind, status, asked_after, asked_revision, revision, due_at,
    lease_until, ring_at, settled_seq, created_at)
  select 'run-' || i, 'step', 0, case when i % 10 = 8 then 'sleep' else 'rpc' end,
         case when i % 10 < 8 then 'succeeded' when i % 1000 = 9 then 'running' else 'scheduled' end, 0, 1, 1,
         case when i % 10 = 8 then clock_timestamp() + i * interval '1 second' end,
         case when i % 1000 = 9 then clock_timestamp() + interval '1 minute' end,
         case when i % 1000 = 19 then clock_timestamp() end, case when i % 10 < 8 then 1 end, clock_timestamp()
  from generate_series(1, ${runs}) as i;
  insert into ${quoted}.workflow_attempt (run_id, name, ordinal, attempt, outcome, revision, started_at, ended_at)
  select 'run-' || i, 'step', 0, 1, 'failed', 1, clock_timestamp(), clock_timestamp() from generate_series(1, ${runs}) as i;
  insert into ${quoted}.workflow_signal (run_id, signal_id, name, payload, revision, consumed, created_at)
  select 'run-' || i, 'signal', 'go', '1', 1, i % 100 > 0, clock_timestamp() from generate_series(1, ${runs}) as i;
  analyze ${quoted}.workflow_runs; analyze ${quoted}.workflow_step; analyze ${quoted}.workflow_attempt; analyze ${quoted}.workflow_signal;`,
    )
    .simple()
}

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'vitest'
import { WorkflowError } from '@pikku/core/contract'
import { renderMigrations } from '../scripts/build-migrations.mjs'
import { Driver } from '../src/driver.ts'
import { migrationPlan, openPgStore } from '../src/index.ts'
import type { PgStoreOptions } from '../src/index.ts'
import { openSchema } from '../src/schema.ts'
import { databaseUrl, freshSchema, openSql, quiet } from './pg-harness.ts'

function open(schema: string, over: Partial<PgStoreOptions> = {}) {
  return openPgStore(databaseUrl(), schema, { leaseMs: 8_000, logger: quiet, ...over })
}

async function inSchema(schema: string, body: () => Promise<void>): Promise<void> {
  const sql = openSql()
  try {
    await body()
  } finally {
    await sql.unsafe(`drop schema if exists ${openSchema(schema).quoted} cascade`)
    await sql.end()
  }
}

const run = { runId: 'r', workflow: 'w', input: '1', inputDigest: 'd', tags: [] }

describe('migrations', () => {
  test('the baked ones are those of the folder', () => {
    const baked = readFileSync(new URL('../src/migrations.gen.ts', import.meta.url), 'utf8')
    assert.equal(baked, renderMigrations(), 'run node packages/pg/scripts/build-migrations.mjs')
  })

  test('F53: 20 services that start at once on a fresh database', async () => {
    const schema = freshSchema()
    await inSchema(schema, async () => {
      const stores = Array.from({ length: 20 }, () => open(schema))
      try {
        await Promise.all(stores.map(({ admin }) => admin.migrate()))
        const made = await Promise.all(stores.map(({ store }) => store.createRun(run)))
        assert.equal(made.filter(({ created }) => created).length, 1)
      } finally {
        await Promise.all(stores.map(({ store }) => store.close()))
      }
    })
  })

  test('first use migrates, and a second service finds nothing to do', async () => {
    const schema = freshSchema()
    await inSchema(schema, async () => {
      for (const expected of [true, false]) {
        const { store } = open(schema)
        assert.equal((await store.createRun(run)).created, expected)
        await store.close()
      }
    })
  })

  test('migrate: false refuses a missing schema with the SQL that makes it, and accepts it then', async () => {
    const schema = freshSchema()
    await inSchema(schema, async () => {
      const { store } = open(schema, { migrate: false })
      const error = await store.createRun(run).catch((failed: unknown) => failed)
      assert.ok(WorkflowError.is(error, 'CONFIGURATION'), String(error))
      assert.ok(String(error).includes(migrationPlan(schema)))
      const sql = openSql()
      await sql.unsafe(migrationPlan(schema)).simple()
      await sql.end()
      assert.equal((await store.createRun(run)).created, true)
      await store.close()
    })
  })

  test.each(['workflow_runs', 'workflow_step'])(
    'a schema with a %s of somebody else is refused, and left as it is',
    async (table) => {
      const schema = freshSchema()
      await inSchema(schema, async () => {
        const sql = openSql()
        await sql.unsafe(`create schema ${schema}; create table ${schema}.${table} (id text)`)
        for (const migrate of [true, false]) {
          const { admin, store } = open(schema, { migrate })
          await assert.rejects(admin.migrate(), {
            code: 'CONFIGURATION',
            message: /is not of @pikku\/pg; give the service a schema of its own$/,
          })
          await store.close()
        }
        const rows = await sql.unsafe(`select tablename from pg_tables where schemaname = '${schema}'`)
        assert.deepEqual(
          rows.map((row) => row['tablename']),
          [table],
        )
        await sql.end()
      })
    },
  )

  test('a schema migrated by newer code is refused', async () => {
    const schema = freshSchema()
    await inSchema(schema, async () => {
      const first = open(schema)
      await first.admin.migrate()
      await first.store.close()
      const sql = openSql()
      await sql.unsafe(
        `insert into ${openSchema(schema).quoted}.workflow_migration (version, name, min_client) values (99, 'compatible', 1)`,
      )
      const compatible = open(schema)
      assert.equal((await compatible.store.createRun(run)).created, true)
      await compatible.store.close()
      await sql.unsafe(
        `insert into ${openSchema(schema).quoted}.workflow_migration (version, name, min_client) values (100, 'breaking', 100)`,
      )
      const { store, reader, admin } = open(schema)
      for (const ask of [() => store.createRun(run), () => reader.getRun('r'), () => admin.migrate()]) {
        await assert.rejects(ask, (error) => WorkflowError.is(error, 'SCHEMA_TOO_NEW'))
      }
      await store.close()
      await sql.end()
    })
  })

  test('a migration may take longer than an answer', async () => {
    const driver = new Driver(databaseUrl(), { logger: quiet, userTimeoutMs: 1_000, answerTimeoutMs: 200 })
    try {
      await driver.pool({ max: 1 }).script('select pg_sleep(0.6); select 1')
    } finally {
      await driver.close()
    }
  })

  test('a role that owns its schema needs no right to create one; one that may not look is told so', async () => {
    const role = freshSchema()
    const sql = openSql()
    await sql.unsafe(
      `create role ${role} login password 'x'; create schema ${role} authorization ${role}; create schema ${role}_other`,
    )
    const url = new URL(databaseUrl())
    url.username = role
    url.password = 'x'
    const [own, other] = [role, `${role}_other`].map((schema) =>
      openPgStore(url.href, schema, { leaseMs: 8_000, logger: quiet }),
    )
    try {
      assert.equal((await own?.store.createRun(run))?.created, true)
      const error = await other?.store.createRun(run).catch((failed: unknown) => failed)
      assert.ok(WorkflowError.is(error, 'CONFIGURATION'), String(error))
      assert.match(String(error), /migrationPlan/)
    } finally {
      await Promise.all([own, other].map((ports) => ports?.store.close()))
      await sql.unsafe(`drop schema ${role} cascade; drop schema ${role}_other cascade; drop role ${role}`)
      await sql.end()
    }
  })

  for (const name of ['with "quotes" and spaces', 'Größe', 'a; drop table x --', 'x'.repeat(63), 'select']) {
    test(`F52: a schema may be called ${JSON.stringify(name)}`, async () => {
      await inSchema(name, async () => {
        const { store, reader, notices } = open(name)
        await store.createRun(run)
        const heard = await notices.subscribe({ onChanged: () => {}, onMissed: () => {} })
        assert.equal((await reader.getRun('r'))?.runId, 'r')
        await heard.close()
        await store.close()
      })
    })
  }

  for (const name of ['', 'x'.repeat(64), 'ü'.repeat(32), 'a\0b', 'a\ud800', 'pg_mine']) {
    test(`F52: a schema may not be called ${JSON.stringify(name.slice(0, 20))}`, () => {
      assert.throws(
        () => open(name),
        (error) => WorkflowError.is(error, 'INVALID_NAME'),
      )
    })
  }
})

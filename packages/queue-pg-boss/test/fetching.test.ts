import { PgBoss } from 'pg-boss'
import type { Db } from 'pg-boss'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fetching } from '../src/hot-db.ts'
import { createDatabase, runItem } from './support.ts'
import type { TestDatabase } from './support.ts'

describe('fetching from a backlog', () => {
  let database: TestDatabase
  let boss: PgBoss

  beforeAll(async () => {
    database = await createDatabase()
    boss = new PgBoss({ connectionString: database.url, schedule: false })
    await boss.start()
    await boss.createQueue('backlog', { partition: true })
  })
  afterAll(async () => {
    await boss.stop({ graceful: false })
    await database.drop()
  })

  /** The plan of pg-boss's fetch, asked for on the way through `db`. */
  async function planOf(db: Db): Promise<string> {
    let plan = ''
    const explaining: Db = {
      executeSql: async (text, values) => {
        plan = JSON.stringify((await db.executeSql(`explain ${text}`, values)).rows)
        return { rows: [] }
      },
    }
    await boss.fetch('backlog', { batchSize: 20, db: explaining })
    return plan
  }

  it('goes by the index, although the statistics know of no backlog', async () => {
    const table = (await boss.getQueue('backlog'))?.table ?? ''
    await database.sql.unsafe(`alter table pgboss.${table} set (autovacuum_enabled = off)`)
    const thousand = Array.from({ length: 1_000 }, () => ({ data: runItem('0198f2c4-7d1e-7000-8000-000000000000') }))
    for (let i = 0; i < 20; i++) await boss.insert('backlog', thousand)
    // Left to itself, PostgreSQL 18 sorts all of the backlog here for 20 jobs.
    expect(await planOf(fetching(boss.getDb()))).not.toMatch(/Sort Key/)
  })

  it('takes jobs through it all the same, in order', async () => {
    const [first, second] = ['2000-01-01', '2000-01-02']
    await database.sql`insert into pgboss.job (name, data, created_on) values
      ('backlog', '{"n":2}', ${second}), ('backlog', '{"n":1}', ${first})`
    const jobs = await boss.fetch('backlog', { batchSize: 2, db: fetching(boss.getDb()) })
    expect(jobs.map((job) => job.data)).toEqual([{ n: 1 }, { n: 2 }])
  })
})

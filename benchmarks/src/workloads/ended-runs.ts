import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Stage, Turn } from '../stage.ts'

/**
 * Brings so many ended runs into the store, numbered from `from`: copies of one that was really executed, steps and
 * indexes included, each older than the one before. By SQL and by a script in the server, since a million real ones would
 * take longer than everything else; what the queue keeps of ended runs (nothing) is not copied.
 */
export async function loadEndedRuns(turn: Turn, from: number, count: number): Promise<void> {
  if (count <= 0) return
  if (turn.system.store === 'pg') await loadIntoPostgres(turn, from, count)
  else await loadIntoRedis(turn.stage.redis.client, from, count)
}

const perStatement = 50_000

async function loadIntoPostgres({ stage, database }: Turn, from: number, count: number): Promise<void> {
  const [template] = await stage.pg.run(
    database,
    `select run_id from workflows.workflow_runs where status = 'completed' and run_id not like 'aged-%'
     order by created_at limit 1`,
  )
  const runId = String(template?.['run_id'])
  for (const table of ['workflow_runs', 'workflow_step']) {
    const columns = await columnsOf(stage, database, table)
    const values = columns.map(({ name, isTime }) => {
      if (name === 'run_id') return `'aged-' || lpad(n::text, 10, '0')`
      return isTime ? `t.${name} - n * interval '1 second'` : `t.${name}`
    })
    const names = columns.map(({ name }) => name).join(', ')
    for (let begin = from; begin < from + count; begin += perStatement) {
      const end = Math.min(begin + perStatement, from + count) - 1
      await stage.pg.run(
        database,
        `insert into workflows.${table} (${names}) select ${values.join(', ')}
         from workflows.${table} t, generate_series(${begin}, ${end}) n where t.run_id = '${runId}'`,
      )
    }
  }
  // As autovacuum leaves such a table behind, now instead of in the middle of what is measured.
  await stage.pg.run(database, 'vacuum analyze workflows.workflow_runs')
  await stage.pg.run(database, 'vacuum analyze workflows.workflow_step')
  await stage.pg.checkpoint()
}

async function columnsOf(stage: Stage, database: string, table: string): Promise<{ name: string; isTime: boolean }[]> {
  const rows = await stage.pg.run(
    database,
    `select column_name, data_type from information_schema.columns
     where table_schema = 'workflows' and table_name = '${table}' and is_generated = 'NEVER' order by ordinal_position`,
  )
  return rows.map((row) => ({
    name: String(row['column_name']),
    isTime: String(row['data_type']).startsWith('timestamp'),
  }))
}

/** KEYS: everything that is named after the run. ARGV: its id, how many keys, first, last, the listings it is in. */
const copyScript = `
local id, keys = ARGV[1], tonumber(ARGV[2])
for n = tonumber(ARGV[3]), tonumber(ARGV[4]) do
  local new = string.format('aged-%010d', n)
  for i = 1, keys do redis.call('COPY', KEYS[i], string.sub(KEYS[i], 1, -#id - 1) .. new) end
  for i = 5, #ARGV, 2 do redis.call('ZADD', ARGV[i], tonumber(ARGV[i + 1]) - n * 1000, new) end
end`

async function loadIntoRedis(client: Redis, from: number, count: number): Promise<void> {
  const runId = await templateIn(client)
  const own = await client.keys(`*:${runId}`)
  const listings = await listingsOf(client, runId)
  for (let begin = from; begin < from + count; begin += 1_000) {
    const end = Math.min(begin + 1_000, from + count) - 1
    await client.eval(copyScript, own.length, ...own, runId, own.length, begin, end, ...listings)
  }
  await untilRewritten(client)
}

/** The first run that was executed, which has one step. Later its copies are older, so it is written down. */
async function templateIn(client: Redis): Promise<string> {
  const note = 'benchmarks:template'
  const noted = await client.get(note)
  if (noted !== null) return noted
  const [ended = ''] = await client.keys('*:ended:completed')
  const [runId = ''] = await client.zrange(ended, '0', '0')
  await client.set(note, runId)
  return runId
}

/** So much makes Redis write its append-only file anew, by a child process, which is over before anything is measured. */
async function untilRewritten(client: Redis): Promise<void> {
  const isUnderWay = async () => /^aof_rewrite_(in_progress|scheduled):1/m.test(await client.info('persistence'))
  while (await isUnderWay()) await delay(100)
}

/** Every sorted set that has the run as a member, with its place in it. */
async function listingsOf(client: Redis, runId: string): Promise<string[]> {
  const keys = ['*:runs', '*:runs:of:*', '*:runs:is:*', '*:ended:*']
  const found = new Set((await Promise.all(keys.map((pattern) => client.keys(pattern)))).flat())
  const listings: string[] = []
  for (const key of found) {
    if ((await client.type(key)) !== 'zset') continue
    const score = await client.zscore(key, runId)
    if (score !== null) listings.push(key, score)
  }
  return listings
}

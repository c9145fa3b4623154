// What one step is made of on the server: statements or commands, their time, their bytes of WAL, the rows they leave dead.
// `node benchmarks/src/anatomy.ts [pg|redis]`; docs/scaling.md says what follows from it. Counts do not depend on the
// machine; times do, and on what else it does.
import { digits } from './report/lines.ts'
import { markdownTable } from './report/table.ts'
import { commandStats, operationOf } from './server-statistics.ts'
import { Stage, type Turn } from './stage.ts'
import { stores, systemsFor, type Store, type System } from './systems.ts'

const runs = 300
const steps = 10
const works = ['inline', 'rpc'] as const
type Work = (typeof works)[number]

/** Plays it twice: the second time is counted. */
async function playCounted(
  turn: Turn,
  work: Work,
  count: { begin(): Promise<void>; end(): Promise<void> },
): Promise<void> {
  const player = work === 'inline' ? await turn.start('alone') : await turn.startPair()
  const many = { work, input: { n: steps }, times: runs, atOnce: runs } as const
  await player.play(many)
  await count.begin()
  await player.play(many)
  await count.end()
}

const perStep = (total: unknown): string => digits(Number(total) / (runs * steps))
const cpuPerStep = (ms: number): string => `CPU of the server, µs per step: ${perStep(ms * 1000)}`

async function statementsOf(turn: Turn, work: Work): Promise<string> {
  const { stage, database } = turn
  const run = (text: string): Promise<readonly Record<string, unknown>[]> => stage.pg.run(database, text)
  const track = async (what: 'top' | 'none'): Promise<void> => {
    await run(`alter system set pg_stat_statements.track = '${what}'`)
    await run('select pg_reload_conf()')
  }
  await run('create extension if not exists pg_stat_statements')
  let cpu = 0
  await playCounted(turn, work, {
    begin: async () => {
      await track('top')
      await run('select pg_stat_statements_reset()')
      cpu = stage.pg.cpuMs() ?? NaN
    },
    end: async () => {
      cpu = (stage.pg.cpuMs() ?? NaN) - cpu
      await track('none')
    },
  })
  const rows = await run(`
    select query, calls, total_exec_time * 1000 as us, wal_bytes, wal_fpi from pg_stat_statements
    where dbid = (select oid from pg_database where datname = current_database())`)
  const byName = Map.groupBy(rows, ({ query }) => operationOf(String(query)))
  const sum = (all: readonly Record<string, unknown>[], field: string): number =>
    all.reduce((total, row) => total + Number(row[field]), 0)
  const lines = [...byName]
    .map(([name, all]) => ({ name, calls: sum(all, 'calls'), us: sum(all, 'us'), wal: sum(all, 'wal_bytes') }))
    .filter(({ calls }) => calls > 5)
    .toSorted((a, b) => b.us - a.us)
    .map(({ name, calls, us, wal }) => [name, perStep(calls), digits(us / calls), perStep(us), perStep(wal)])
  const all = [perStep(sum(rows, 'calls')), '', perStep(sum(rows, 'us')), perStep(sum(rows, 'wal_bytes'))]
  const head = ['statement', 'per step', 'µs each', 'µs per step', 'bytes of WAL per step']
  return [markdownTable(head, [...lines, ['all', ...all]]), cpuPerStep(cpu), await deadRowsOf(turn)].join('\n\n')
}

/** Backends tell what they did to the rows when they end at the latest. Both times of playing are in it. */
async function deadRowsOf(turn: Turn): Promise<string> {
  await turn.end()
  const rows = await turn.stage.pg.run(
    turn.database,
    `select schemaname || '.' || relname as name, n_tup_ins as i, n_tup_upd as u, n_tup_hot_upd as h, n_tup_del as d
     from pg_stat_user_tables where n_tup_ins >= ${runs} order by n_tup_ins + n_tup_upd desc`,
  )
  const half = (total: unknown): string => digits(Number(total) / (2 * runs * steps))
  const lines = rows.map(({ name, i, u, h, d }) => [String(name), half(i), half(u), half(h), half(d)])
  return markdownTable(['rows per step', 'inserted', 'updated', 'of these HOT', 'deleted'], lines)
}

async function commandsOf(turn: Turn, work: Work): Promise<string> {
  const { client, cpuMs } = turn.stage.redis
  let [cpu, stats] = [0, '']
  await playCounted(turn, work, {
    begin: async () => {
      await client.config('RESETSTAT')
      cpu = await cpuMs()
    },
    end: async () => {
      cpu = (await cpuMs()) - cpu
      stats = await client.info('commandstats')
    },
  })
  const lines = commandStats(stats)
    .filter(({ us }) => us > runs * steps)
    .map(({ name, calls, us }) => [name, perStep(calls), digits(us / calls), perStep(us)])
  const table = markdownTable(['command', 'per step', 'µs each', 'µs per step'], lines)
  return `${table}\n\n${cpuPerStep(cpu)}`
}

async function describe(stage: Stage, system: System, work: Work): Promise<string> {
  const what = work === 'inline' ? 'inline steps' : 'RPC steps'
  const text = await stage.turn(system, (turn) => (system.store === 'pg' ? statementsOf : commandsOf)(turn, work))
  await stage.clear()
  return `## ${system.store}, ${what}: ${runs} runs × ${steps}\n\n${text}\n`
}

const wanted = process.argv[2]
const chosen: readonly Store[] = stores.filter((store) => wanted === undefined || store === wanted)
const stage = await Stage.open(chosen)
try {
  for (const system of systemsFor(chosen, []).filter(({ name }) => name === 'pikku')) {
    for (const work of works) console.log(await describe(stage, system, work))
  }
} finally {
  await stage.close()
}

import { migrationPlan } from '@pikku/pg'
import type { Turn } from '../stage.ts'
import { isOurs, type Workload } from '../workload.ts'
import { warmUp, waves } from './waves.ts'

/** The schema of the service in `programs/pikku.ts`. */
const schema = 'workflows'
const runs = 300
const steps = 10

const table = /create table (\S+\.workflow_(?:runs|step)) (\([\s\S]*?\n\)) with (\([^)]*\));/g

/**
 * The SQL that makes the schema, with `workflow_runs` and `workflow_step` in so many partitions by the hash of the run's
 * id: no option of ours, but the schema allows it. 0: as it is.
 */
export function partitioned(plan: string, partitions: number): string {
  if (partitions === 0) return plan
  let found = 0
  const text = plan.replaceAll(table, (...match: string[]) => {
    const [, name = '', columns = '', settings = ''] = match
    found += 1
    const parts = Array.from({ length: partitions }, (_each, i) => {
      const range = `with (modulus ${partitions}, remainder ${i})`
      return `create table ${name}_${i} partition of ${name} for values ${range} with ${settings};`
    })
    return [`create table ${name} ${columns} partition by hash (run_id);`, ...parts].join('\n')
  })
  if (found !== 2) throw new Error(`the plan makes ${found} of the two tables in a way that is not known here`)
  return text
}

async function makeSchema({ stage, database }: Turn, partitions: number): Promise<void> {
  await stage.pg.run(database, `drop schema if exists ${schema} cascade`)
  await stage.pg.run(database, partitioned(migrationPlan(schema), partitions))
  await stage.pg.checkpoint()
}

/** What hash partitions cost or save on one server. */
export const partitions: Workload = {
  group: 'growth-partitions',
  rows: [
    {
      name: 'growth-partitions',
      title: 'hash partitions of workflow_runs and workflow_step → ms per RPC step, 300 runs at once',
      figure: 'msPerStep',
      unit: 'ms/step',
      better: 'less',
    },
  ],
  takes: (system) => isOurs(system) && system.store === 'pg',
  repetitions: ({ growth }) => growth.repetitions,
  points: ({ growth }) => [0, 4, 16, 64].filter((count) => count <= growth.partitions),
  measure: async (turn, size, x) => {
    await makeSchema(turn, x)
    const client = await turn.startPair()
    const count = Math.min(runs, size.runs)
    const many = { work: 'rpc', input: { n: steps }, times: count, atOnce: count } as const
    await warmUp(client, many, size.warmMs)
    const ms = await waves(client, many, size.leastMs)
    return { 'growth-partitions': [{ msPerStep: ms / (count * steps) }] }
  },
}

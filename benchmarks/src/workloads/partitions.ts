import { migrationPlan } from '@pikku/pg'
import { byHash, partitioned } from '../partitioned.ts'
import type { Turn } from '../stage.ts'
import { isOurs, type Workload } from '../workload.ts'
import { warmUp, waves } from './waves.ts'

/** The schema of the service in `programs/pikku.ts`. */
const schema = 'workflows'
const runs = 300
const steps = 10

/** 0: as it is. */
async function makeSchema({ stage, database }: Turn, partitions: number): Promise<void> {
  const plan = migrationPlan(schema)
  await stage.pg.run(database, `drop schema if exists ${schema} cascade`)
  await stage.pg.run(database, partitions === 0 ? plan : partitioned(plan, byHash(partitions)))
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

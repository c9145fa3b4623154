import type { Player } from '../player.ts'
import type { Figures } from '../results.ts'
import type { Size } from '../sizes.ts'
import type { Turn } from '../stage.ts'
import { isOurs, type Workload } from '../workload.ts'
import { loadEndedRuns } from './ended-runs.ts'
import { latencyOf } from './latency.ts'

/** In percent; below 0 it became faster. */
export const added = (before: number, after: number): number => (after / before - 1) * 100

interface Block {
  readonly latencyMs: number
  readonly msPerStep: number
}

async function block(client: Player, turn: Turn, size: Size): Promise<Block> {
  const { p50Ms = NaN } = await latencyOf(client, { ...size, latencyLimitMs: size.latencyLimitMs / 2 })
  const { runs, steps } = size
  const { ms } = await client.play({ work: 'rpc', input: { n: steps }, times: runs, atOnce: turn.atOnce(runs) })
  return { latencyMs: p50Ms, msPerStep: ms / (runs * steps) }
}

async function blocks(client: Player, turn: Turn, size: Size): Promise<readonly Block[]> {
  const done: Block[] = []
  for (let i = 0; i < size.repetitions; i++) done.push(await block(client, turn, size))
  return done
}

/** The same processes before and after: what is added is the tables' alone. */
export const aged: Workload = {
  group: 'aged',
  rows: [
    {
      name: 'aged',
      title: 'many ended runs in the tables: added latency',
      figure: 'addedPercent',
      unit: '%',
      better: 'less',
      targets: { pg: { limit: 10 }, redis: { limit: 10 } },
    },
    {
      name: 'aged-throughput',
      title: 'the same: added time per step, many runs at once',
      figure: 'addedPercent',
      unit: '%',
      better: 'less',
      targets: { pg: { limit: 10 }, redis: { limit: 10 } },
    },
  ],
  takes: isOurs,
  repetitions: () => 1,
  measure: async (turn, size) => {
    const client = await turn.startPair()
    await block(client, turn, size)
    const before = await blocks(client, turn, size)
    await loadEndedRuns(turn, 1, size.aged)
    await block(client, turn, size)
    const after = await blocks(client, turn, size)
    const compared = (of: (block: Block) => number): Figures[] =>
      before.flatMap((one, i) => {
        const other = after[i]
        return other ? [{ addedPercent: added(of(one), of(other)) }] : []
      })
    return { aged: compared((one) => one.latencyMs), 'aged-throughput': compared((one) => one.msPerStep) }
  },
}

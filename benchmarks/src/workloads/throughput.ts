import type { Work } from '../programs/protocol.ts'
import type { Workload } from '../workload.ts'
import { warmUp, waves } from './waves.ts'

/** Many runs at once, each step after the one before. */
function throughput(
  work: Work & ('inline' | 'rpc'),
  row: Omit<Workload['rows'][number], 'figure' | 'unit' | 'better'>,
): Workload {
  return {
    group: work,
    rows: [{ ...row, figure: 'stepsPerSecond', unit: 'steps/s', better: 'more' }],
    takes: () => true,
    measure: async (turn, { runs, steps, warmMs, leastMs }) => {
      const player = work === 'inline' ? await turn.start('alone') : await turn.startPair()
      const many = { work, input: { n: steps }, times: runs, atOnce: turn.atOnce(runs) }
      await warmUp(player, many, warmMs)
      const ms = await waves(player, many, leastMs)
      return { [row.name]: [{ stepsPerSecond: (runs * steps * 1000) / ms }] }
    },
  }
}

export const inline = throughput('inline', {
  name: 'inline',
  title: 'inline steps, many runs at once',
  targets: { pg: { limit: 12_000, times: { dbos: 10, restate: 4 } }, redis: { limit: 25_000 } },
})

export const rpc = throughput('rpc', {
  name: 'rpc',
  title: 'RPC steps through the queue, the worker in another process',
  targets: { pg: { limit: 2_500, times: { dbos: 3 } }, redis: { limit: 4_000 } },
})

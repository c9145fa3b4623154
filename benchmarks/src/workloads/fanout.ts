import type { Workload } from '../workload.ts'
import { warmUp, waves } from './waves.ts'

export const fanout: Workload = {
  group: 'fanout',
  rows: [
    {
      name: 'fanout',
      title: 'one run of many parallel RPC steps',
      figure: 'stepsPerSecond',
      unit: 'steps/s',
      better: 'more',
      targets: { pg: { limit: 2_000, times: { absurd: 3 } }, redis: { limit: 4_000 } },
    },
  ],
  takes: () => true,
  measure: async (turn, size) => {
    const client = await turn.startPair()
    const one = { work: 'fanout', input: { n: size.fanout }, times: 1, atOnce: 1 } as const
    await warmUp(client, one, size.warmMs)
    const ms = await waves(client, one, size.leastMs)
    return { fanout: [{ stepsPerSecond: (size.fanout * 1000) / ms }] }
  },
}

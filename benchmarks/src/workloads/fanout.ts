import type { Workload } from '../workload.ts'

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
    const one = (n: number) => client.play({ work: 'fanout', input: { n }, times: 1, atOnce: 1 })
    for (let warm = 0; warm < 3; warm++) await one(Math.min(size.fanout, 20))
    const { ms } = await one(size.fanout)
    return { fanout: [{ stepsPerSecond: (size.fanout * 1000) / ms }] }
  },
}

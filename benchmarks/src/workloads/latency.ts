import type { Player } from '../player.ts'
import type { Figures } from '../results.ts'
import type { Size } from '../sizes.ts'
import { percentile } from '../statistics.ts'
import type { Workload } from '../workload.ts'

/** Runs of one RPC step, one after the other, while nothing else goes on. */
export async function latencyOf(client: Player, { latency, latencyLimitMs }: Size): Promise<Figures> {
  const { each } = await client.play({
    work: 'rpc',
    input: { n: 1 },
    times: latency,
    atOnce: 1,
    limitMs: latencyLimitMs,
  })
  return { p50Ms: percentile(each, 0.5), p99Ms: percentile(each, 0.99) }
}

export const latency: Workload = {
  group: 'latency',
  rows: [
    {
      name: 'latency',
      title: 'start → done, one RPC step, idle, p50',
      figure: 'p50Ms',
      unit: 'ms',
      better: 'less',
      targets: { pg: { limit: 12 }, redis: { limit: 4 } },
    },
    {
      name: 'latency',
      title: 'the same, p99',
      figure: 'p99Ms',
      unit: 'ms',
      better: 'less',
      targets: { pg: { limit: 30 }, redis: { limit: 12 } },
    },
  ],
  takes: () => true,
  measure: async (turn, size) => {
    const client = await turn.startPair()
    const warm = { ...size, latencyLimitMs: size.latencyLimitMs / 5 }
    await latencyOf(client, warm)
    return { latency: [await latencyOf(client, size)] }
  },
}
